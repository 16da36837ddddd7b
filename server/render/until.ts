/** The promise's value, or undefined as soon as `signal` aborts; what the promise does later is then of no interest. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } catch (error) {
    // A source that fails because of the same abort is no failure.
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}

/** Passes `source` on, one item per pull, and ends quietly and at once when `signal` aborts, even while the source hangs. */
export async function* until<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    while (!signal.aborted) {
      const next = await orAborted(iterator.next(), signal);
      if (!next || next.done) return;
      yield next.value;
    }
  } finally {
    // Not awaited: a source that hangs in `next` would answer `return` only after it.
    void iterator.return?.(undefined).then(undefined, () => undefined);
  }
}
