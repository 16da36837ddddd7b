import type { Clock } from '#base/clock.ts';

/** HLS viewers don't come and go, they ask; who asked within the last 10 s is watching. */
const WATCHING_MS = 10_000;

export class HlsViewers {
  readonly #clock: Clock;
  readonly #seen = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes a request. Tokens tell viewers apart. */
  see(token: string): void {
    this.#forget();
    this.#seen.set(token, this.#clock.now());
  }

  get count(): number {
    this.#forget();
    return this.#seen.size;
  }

  #forget(): void {
    const oldest = this.#clock.now() - WATCHING_MS;
    for (const [token, at] of this.#seen) if (at < oldest) this.#seen.delete(token);
  }
}
