import type { RequestInput } from '#protocol/signalling.ts';
import type { Signalling } from './signalling.ts';
import type { Stats } from './stats.ts';

/** `client_log` lines one client sends at most: a loop of errors must not become a loop of requests. */
const MAX_LOGS = 50;

type Line = RequestInput<'client_log'>;

/** What a client tells the server about itself. Nothing waits for it, and nothing fails with it. */
export class Reports {
  readonly #signalling: Signalling;
  #logs = 0;

  constructor(signalling: Signalling) {
    this.#signalling = signalling;
  }

  log(level: Line['level'], message: string, data: NonNullable<Line['data']> = {}): void {
    if (this.#logs >= MAX_LOGS || !this.#signalling.isConnected) return;
    this.#logs += 1;
    this.#signalling.request('client_log', { level, message, data }).catch(() => undefined);
  }

  stats(stats: Stats): void {
    this.#signalling.request('client_stats', { stats }).catch(() => undefined);
  }
}
