import { sleep, type Clock } from './clock.ts';

/** How long a provider may take, ms. Only the time spent waiting for it counts, not the time its reader takes. */
export interface Patience {
  /** Until the first item. */
  readonly first: number;
  /** From each item to the next. */
  readonly between: number;
  /** For all of them. */
  readonly whole: number;
}

/** For what keeps to limits of its own. */
export const ENDLESS: Patience = { first: Infinity, between: Infinity, whole: Infinity };

/** A limit of `Patience` was reached. */
export class TooLate extends Error {
  readonly limit: keyof Patience;
  readonly ms: number;

  constructor(limit: keyof Patience, ms: number) {
    super(`${limit}: ${ms} ms`);
    this.limit = limit;
    this.ms = ms;
  }
}

/** The items as they come, ended quietly by `signal`. Throws `TooLate`; whoever makes the items has then to be stopped. */
export async function* timed<T>(
  items: AsyncIterable<T>,
  patience: Patience,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const source = items[Symbol.asyncIterator]();
  let waited = 0;
  let limit: 'first' | 'between' = 'first';
  try {
    for (;;) {
      const left = patience.whole - waited;
      const ms = Math.min(patience[limit], left);
      const since = clock.now();
      const arrived = new AbortController();
      const late = sleep(clock, ms, AbortSignal.any([arrived.signal, signal])).then(() => undefined);
      const next = source.next();
      const result = await Promise.race([next, late]).finally(() => arrived.abort());
      if (!result) {
        // It ends by whoever stops the source; nobody waits for it any more.
        next.catch(() => undefined);
        if (signal.aborted) return;
        throw ms === left ? new TooLate('whole', patience.whole) : new TooLate(limit, ms);
      }
      if (result.done) return;
      waited += clock.now() - since;
      limit = 'between';
      yield result.value;
    }
  } finally {
    // Not awaited: a source that still waits for its provider ends by being stopped, not by this.
    void Promise.resolve(source.return?.()).catch(() => undefined);
  }
}
