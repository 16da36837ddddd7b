/**
 * Runs `jobs` in their order, at most `width` at a time, and gives their results in that order, each as soon as it and all before it are there.
 */
export async function* inLanes<T>(jobs: readonly (() => Promise<T>)[], width: number): AsyncGenerator<T> {
  const results = jobs.map(() => Promise.withResolvers<T>());
  // Whoever reads them meets a failure where it stands, which may be long after it happened.
  for (const { promise } of results) promise.catch(() => undefined);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < jobs.length; at = next++) {
      const [job, result] = [jobs[at], results[at]];
      await job?.().then(result?.resolve, result?.reject);
    }
  };
  for (let n = 0; n < width; n += 1) void lane();
  for (const { promise } of results) yield await promise;
}
