import type { Clock } from '#base/clock.ts';

/** Keys remembered at once; newcomers beyond that share one allowance, so that nobody can make us remember more. */
const MAX_KEYS = 20_000;
/** How often a full memory is searched for keys that can be forgotten, ms. */
const SWEEP_EVERY = 1_000;
const NEWCOMERS = '';

/** How often something may happen per key: `points` at once, and one more each `seconds / points` (GCRA, ITU-T I.371). */
export class Allowance {
  readonly points: number;
  readonly seconds: number;
  readonly #clock: Clock;
  readonly #maxKeys: number;
  /** Monotonic ms from which on a key may use all its points at once. */
  readonly #wholeAt = new Map<string, number>();
  #sweepAt = -Infinity;

  constructor(points: number, seconds: number, clock: Clock, maxKeys = MAX_KEYS) {
    this.points = points;
    this.seconds = seconds;
    this.#clock = clock;
    this.#maxKeys = maxKeys;
  }

  /** Keys remembered now. */
  get size(): number {
    return this.#wholeAt.size;
  }

  /** Takes one point. 0 when there was one, else ms until there is. */
  take(key: string): number {
    const now = this.#clock.now();
    const spacing = (this.seconds * 1_000) / this.points;
    const known = this.#known(key, now);
    const wholeAt = Math.max(now, this.#wholeAt.get(known) ?? 0);
    const wait = wholeAt - (this.points - 1) * spacing - now;
    if (wait > 1e-6) return wait;
    this.#wholeAt.set(known, wholeAt + spacing);
    return 0;
  }

  #known(key: string, now: number): string {
    if (this.#wholeAt.has(key) || this.#wholeAt.size < this.#maxKeys) return key;
    if (now >= this.#sweepAt) {
      this.#sweepAt = now + SWEEP_EVERY;
      for (const [other, wholeAt] of this.#wholeAt) if (wholeAt <= now) this.#wholeAt.delete(other);
    }
    return this.#wholeAt.size < this.#maxKeys ? key : NEWCOMERS;
  }
}
