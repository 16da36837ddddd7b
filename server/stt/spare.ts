import type { Clock } from '#base/clock.ts';

/** What recognises one phrase, and takes long to open. */
export interface Opened {
  /** Whether it can still be used; also while it is being opened. */
  readonly isOpen: boolean;
  close(reason: string): Promise<void>;
}

export interface SpareOptions<T extends Opened> {
  readonly open: (language: string) => T;
  /** How long one is kept for a phrase that doesn't come, ms. */
  readonly keep: number;
  readonly clock: Clock;
}

/** One that is opened ahead, for whoever speaks next. Each is used for one phrase only, so that nothing goes from one speaker to another. */
export class Spare<T extends Opened> {
  readonly #options: SpareOptions<T>;
  #kept: { readonly language: string; readonly one: T; readonly forget: () => void } | undefined;
  #state: 'open' | 'closed' = 'open';

  constructor(options: SpareOptions<T>) {
    this.#options = options;
  }

  /** The one that is kept, or else a new one; the caller's to close. */
  take(language: string): T {
    const kept = this.#kept;
    if (kept?.language !== language || !kept.one.isOpen) return this.#options.open(language);
    this.#kept = undefined;
    kept.forget();
    return kept.one;
  }

  /** Has one ready for `language`, for a while. */
  prepare(language: string): void {
    if (this.#state === 'closed') return;
    const { open, keep, clock } = this.#options;
    const kept = this.#kept;
    if (kept?.language === language && kept.one.isOpen) kept.forget();
    else void this.#drop('another is wanted');
    const one = this.#kept?.one ?? open(language);
    const forget = clock.at(clock.now() + keep, () => void this.#drop('nobody speaks'));
    this.#kept = { language, one, forget };
  }

  async close(reason: string): Promise<void> {
    this.#state = 'closed';
    await this.#drop(reason);
  }

  async #drop(reason: string): Promise<void> {
    const kept = this.#kept;
    if (!kept) return;
    this.#kept = undefined;
    kept.forget();
    await kept.one.close(reason);
  }
}
