import type { RequestInput } from '#protocol/signalling.ts';
import type { Measured } from './attempt.ts';
import type { FirstPicture } from './painted.ts';
import type { Signalling } from './signalling.ts';

/** `client_log` lines one client sends at most: a loop of errors must not become a loop of requests. */
const MAX_LOGS = 50;

type Line = RequestInput<'client_log'>;

/** What a client tells the server about itself. Nothing waits for it, and nothing fails with it. */
export class Reports {
  readonly #signalling: Signalling;
  #logs = 0;
  /** The shortest way there and back so far, ms. */
  #roundTrip = Number.POSITIVE_INFINITY;

  constructor(signalling: Signalling) {
    this.#signalling = signalling;
  }

  log(level: Line['level'], message: string, data: NonNullable<Line['data']> = {}): void {
    if (this.#logs >= MAX_LOGS || !this.#signalling.isConnected) return;
    this.#logs += 1;
    this.#signalling.request('client_log', { level, message, data }).catch(() => undefined);
  }

  stats({ stats, sync }: Measured): void {
    this.#send({ stats, ...(sync ? { sync } : {}) });
  }

  /** How long ago it was is told as of its arrival: half the way there and back is added. */
  painted(first: FirstPicture | undefined): void {
    if (!first) return;
    const { utteranceId, paintedMs } = first;
    const way = Number.isFinite(this.#roundTrip) ? this.#roundTrip / 2 : 0;
    this.#send({ stats: {}, painted: { utteranceId, agoMs: performance.now() - paintedMs + way } });
  }

  #send(report: RequestInput<'client_stats'>): void {
    const sentMs = performance.now();
    this.#signalling.request('client_stats', report).then(
      () => (this.#roundTrip = Math.min(this.#roundTrip, performance.now() - sentMs)),
      () => undefined,
    );
  }
}
