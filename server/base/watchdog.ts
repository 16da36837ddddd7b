import type { Clock } from './clock.ts';

export interface WatchdogOptions {
  readonly clock: Clock;
  /** Whether it looks stuck now. */
  readonly suspicious: () => boolean;
  /** How long it may look stuck, ms. Asked at each look. */
  readonly patience: () => number;
  readonly bite: () => void;
}

const LOOK_EVERY = 100;

/**
 * Notices what has stopped working. Its patience is counted in looks, and a blocked event loop makes but one: who could not be heard meanwhile
 * isn't blamed for it.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  #looks = 0;
  #cancel: (() => void) | undefined;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** Looks from now on until it has bitten or is stopped. Nothing happens when it does already. */
  watch(): void {
    if (this.#cancel) return;
    const { clock } = this.#options;
    this.#cancel = clock.at(clock.now() + LOOK_EVERY, () => this.#look());
  }

  /** A sign of life: patience begins anew. */
  calm(): void {
    this.#looks = 0;
  }

  stop(): void {
    this.calm();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    const { suspicious, patience, bite } = this.#options;
    this.#cancel = undefined;
    this.#looks = suspicious() ? this.#looks + 1 : 0;
    if (this.#looks * LOOK_EVERY < Math.max(LOOK_EVERY, patience())) return this.watch();
    this.calm();
    bite();
  }
}
