/** What is being made already, before anybody reads it. */
export interface Begun<T> {
  readonly items: AsyncIterable<T>;
  /** Resolves once there is a first item, or there will be none. */
  readonly first: Promise<void>;
  /** Nobody will read it: its source ends. */
  drop(): void;
}

/** Asks `source` for its first item now. Whoever reads `items`, once, gets all of them, and its failure. */
export function begun<T>(source: AsyncIterable<T>): Begun<T> {
  const iterator = source[Symbol.asyncIterator]();
  const first = iterator.next();
  // A failure is told to whoever reads it.
  const settled = first.then(
    () => undefined,
    () => undefined,
  );
  const drop = (): void => void Promise.resolve(iterator.return?.()).catch(() => undefined);
  async function* items(): AsyncGenerator<T, void, undefined> {
    try {
      for (let next = await first; !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { items: items(), first: settled, drop };
}
