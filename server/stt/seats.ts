import { sleep, type Clock } from '#base/clock.ts';
import { TooLate } from '#base/timed.ts';

/** How many may work at once; who comes too late waits for a seat, first come, first served. */
export class Seats {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  readonly #clock: Clock;

  constructor(count: number, clock: Clock) {
    this.#free = count;
    this.#clock = clock;
  }

  /** Takes a seat and returns how to leave it. Throws TooLate after `ms`, or when `signal` aborts. */
  async take(ms: number, signal: AbortSignal): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(ms, signal);
    return () => {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    };
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    const turn = Promise.withResolvers<true>();
    const called = (): void => turn.resolve(true);
    this.#waiting.push(called);
    const done = new AbortController();
    const late = sleep(this.#clock, ms, AbortSignal.any([signal, done.signal]));
    const seated = await Promise.race([turn.promise, late]);
    done.abort();
    if (seated) return;
    this.#waiting.splice(this.#waiting.indexOf(called), 1);
    throw new TooLate('first', ms);
  }
}
