import { Parser } from 'm3u8-parser';

/**
 * Takes each segment of a session's HLS as it is published, from now on: what was sent, sample for sample, however busy the machine was.
 * The function that is returned ends that, once what was sent until then is there, and gives it as one file.
 */
export function recordHls(url: string): () => Promise<Buffer> {
  const parts: Buffer[] = [];
  let [last, recordedMs] = [-1, 0];
  let endMs = Number.POSITIVE_INFINITY;
  const get = async (uri: string): Promise<Buffer> => {
    const response = await fetch(new URL(uri, url), { signal: AbortSignal.timeout(10_000) });
    return Buffer.from(await response.arrayBuffer());
  };
  const take = async (): Promise<void> => {
    const parser = new Parser();
    parser.push((await get(url)).toString());
    parser.end();
    const { mediaSequence, segments } = parser.manifest;
    for (const [at, { uri, map, dateTimeObject, duration }] of segments.entries()) {
      if (mediaSequence + at <= last) continue;
      if (last < 0) parts.push(await get(map?.uri ?? ''));
      last = mediaSequence + at;
      parts.push(await get(uri));
      recordedMs = (dateTimeObject?.getTime() ?? 0) + duration * 1_000;
    }
  };
  const recording = (async () => {
    while (recordedMs < endMs && Date.now() < endMs + 20_000) {
      await take();
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  })();
  // Whoever ends it is told of a failure.
  recording.catch(() => undefined);
  return async () => {
    endMs = Math.min(endMs, Date.now());
    await recording;
    return Buffer.concat(parts);
  };
}
