/** Time, read here only. Tests and simulations pass a `VirtualClock`. */
export interface Clock {
  /** Monotonic ms with a fraction; never jumps. */
  now(): number;
  /** Unix ms now. */
  wall(): number;
  /** Calls `fire` once `now()` has reached `at`; returns its cancel. */
  at(at: number, fire: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => performance.timeOrigin + performance.now(),
  at(at, fire) {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const left = at - performance.now();
      // setTimeout may fire up to 1 ms early; firing early would release a frame before its instant. It cuts fractions off, which would make it early each time.
      if (left <= 0) fire();
      else timer = setTimeout(arm, Math.min(Math.ceil(left), 2 ** 30));
    };
    timer = setTimeout(arm, Math.max(0, Math.min(Math.ceil(at - performance.now()), 2 ** 30)));
    return () => clearTimeout(timer);
  },
};

/** Resolves once `ms` have passed on `clock`, or at once when `signal` aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.at(clock.now() + ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** A clock that stands still until `advance` is called: days pass in milliseconds. */
export class VirtualClock implements Clock {
  #now: number;
  readonly #epoch: number;
  #timers: { at: number; fire: () => void }[] = [];

  constructor(startMs = 0, epochMs = 1_700_000_000_000) {
    this.#now = startMs;
    this.#epoch = epochMs;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#epoch + this.#now;
  }

  at(at: number, fire: () => void): () => void {
    const timer = { at, fire };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** Lets time pass without firing anything, as a blocked event loop does. */
  block(ms: number): void {
    this.#now += ms;
  }

  /** Moves time forward, firing what falls due in order and letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#now = Math.max(this.#now, next.at);
      this.#timers = this.#timers.filter((other) => other !== next);
      next.fire();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#now = end;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
