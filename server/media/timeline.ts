/** How many arrivals are looked at together. */
const WINDOW = 50;

/**
 * When each piece of a sound that comes over a network was there: they follow each other evenly, never in the future, and stay with the earliest
 * that arrive, so that neither jitter nor a sender's clock that runs otherwise moves them.
 */
export class Timeline {
  /** Clock ms when the last sample was there. */
  until: number;
  /** Nothing was added yet. */
  isNew = true;
  #leastLate = Infinity;
  #arrivals = 0;

  constructor(start: number) {
    this.until = start;
  }

  behind(now: number): number {
    return now - this.until;
  }

  /** `ms` more of it are there at `now` → when its last sample was. */
  add(ms: number, now: number): number {
    this.isNew = false;
    this.until = Math.min(this.until + ms, now);
    return this.until;
  }

  /** The same for what has just arrived. */
  arrive(ms: number, now: number): number {
    this.add(ms, now);
    this.#leastLate = Math.min(this.#leastLate, this.behind(now));
    this.#arrivals += 1;
    if (this.#arrivals === WINDOW) {
      // Even the earliest came so late: it is the sender's clock, or the way is longer now.
      this.until += this.#leastLate;
      [this.#arrivals, this.#leastLate] = [0, Infinity];
    }
    return this.until;
  }
}
