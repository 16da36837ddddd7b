/**
 * The only buffer: bounded, single reader, ends or fails once.
 * A full queue either makes `push` wait (backpressure) or drops its oldest item and counts it.
 */
export class Queue<T> implements AsyncIterable<T> {
  dropped = 0;
  readonly #capacity: number;
  readonly #overflow: 'wait' | 'drop-oldest';
  readonly #items: T[] = [];
  #state: 'open' | 'ended' = 'open';
  #failure: { readonly error: unknown } | undefined;
  #wakeReader: (() => void) | undefined;
  readonly #wakeWriters: (() => void)[] = [];

  constructor(capacity: number, overflow: 'wait' | 'drop-oldest' = 'wait') {
    if (!(capacity >= 1)) throw new RangeError(`Queue capacity must be at least 1, got ${String(capacity)}`);
    this.#capacity = capacity;
    this.#overflow = overflow;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The next item without taking it. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** All that is queued, without taking it. */
  get items(): readonly T[] {
    return this.#items;
  }

  /** Takes the next item if one is there. */
  shift(): T | undefined {
    const item = this.#items.shift();
    this.#wakeWriters.shift()?.();
    return item;
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** Resolves once the item is in; false if the queue had ended. */
  async push(item: T): Promise<boolean> {
    while (this.#state === 'open' && this.#items.length >= this.#capacity) {
      if (this.#overflow === 'drop-oldest') {
        this.#items.shift();
        this.dropped += 1;
      } else await new Promise<void>((resolve) => this.#wakeWriters.push(resolve));
    }
    if (this.#state !== 'open') return false;
    this.#items.push(item);
    this.#wake();
    return true;
  }

  /** No more items; what is queued is still read. */
  end(): void {
    this.#state = 'ended';
    this.#wake();
    for (const wake of this.#wakeWriters.splice(0)) wake();
  }

  /** Ends with an error, thrown to the reader after what is queued. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.end();
  }

  /** Ends and forgets what is queued. */
  clear(): void {
    this.#items.length = 0;
    this.end();
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        while (this.#items.length > 0) yield this.shift() as T;
        if (this.#state === 'ended') {
          if (this.#failure) throw this.#failure.error;
          return;
        }
        await new Promise<void>((resolve) => (this.#wakeReader = resolve));
      }
    } finally {
      this.clear();
    }
  }
}
