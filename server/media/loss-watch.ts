import type { Clock } from '#base/clock.ts';

/** So many requests for lost packets within `WITHIN` ms are more than chance. */
const REQUESTS = 3;
const WITHIN = 2_000;
/** How long no more is listened to then, ms: on a bad day requests come by the hundred. */
const REST = 20_000;

export interface LossWatchOptions {
  readonly clock: Clock;
  /** Whether requests are to be told. */
  listen(on: boolean): void;
  /** The network loses packets; said again every 20 s while it does. */
  lossy(): void;
}

/** Tells a network that loses packets from one that lost one. */
export class LossWatch {
  readonly #options: LossWatchOptions;
  #times: number[] = [];
  #cancelRest: (() => void) | undefined;

  constructor(options: LossWatchOptions) {
    this.#options = options;
  }

  /** A packet was asked for once more. */
  requested(): void {
    if (this.#cancelRest) return;
    const { clock, listen, lossy } = this.#options;
    const now = clock.now();
    this.#times = [...this.#times, now].slice(-REQUESTS);
    if (this.#times.length < REQUESTS || now - (this.#times[0] ?? now) > WITHIN) return;
    this.#times = [];
    this.#cancelRest = clock.at(now + REST, () => this.#listenAgain());
    listen(false);
    lossy();
  }

  close(): void {
    this.#cancelRest?.();
  }

  #listenAgain(): void {
    this.#cancelRest = undefined;
    this.#options.listen(true);
  }
}
