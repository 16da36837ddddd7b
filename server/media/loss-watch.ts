/** So many requests for lost packets within `WITHIN` ms are more than chance. */
const REQUESTS = 3;
const WITHIN = 2_000;

/** Tells a network that loses packets from one that lost one. */
export class LossWatch {
  #times: number[] = [];

  /** A packet was asked for once more at `now` (ms); whether the network counts as lossy. */
  requested(now: number): boolean {
    this.#times.push(now);
    this.#times = this.#times.slice(-REQUESTS);
    return this.#times.length === REQUESTS && now - (this.#times[0] ?? now) <= WITHIN;
  }
}
