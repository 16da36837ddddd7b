import { EventEmitter } from 'node:events';
import { sleep, type Clock } from '#base/clock.ts';
import { asAvatarError, type AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { Turn } from '#protocol/http.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { History, KeptSession } from './history.ts';

export interface JournalOptions {
  readonly history: History;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export type JournalEvents = {
  /** The first write that failed since all went well. */
  trouble: [AvatarError];
};

/** How long anybody waits for the disk, ms; the write goes on. */
const PATIENCE = 5_000;
/** How long after a failure what is unwritten is tried again, ms. */
const AGAIN = 2_000;
/** Most changes that wait for a disk that takes none; the oldest are given up and counted. */
const MAX_UNWRITTEN = 10_000;

/** One thing that is kept: a session's beginning or end, or a turn. Writing it writes its newest state. */
interface Entry {
  readonly write: () => Promise<void>;
  running?: Promise<boolean> | undefined;
  /** Asked for while it was being written. */
  next?: Promise<boolean> | undefined;
}

/**
 * Writes history such that a conversation never depends on the disk: nothing here rejects. A change that can't be written is
 * tried again until it can, and whoever waits for it is told the truth: true once it is durable, false when it isn't yet.
 */
export class Journal extends EventEmitter<JournalEvents> {
  readonly #options: JournalOptions;
  readonly #life = new Lifetime();
  readonly #entries = new Map<string, Entry>();
  readonly #unwritten = new Map<string, Entry>();
  #retrying: Promise<void> | undefined;

  constructor(options: JournalOptions) {
    super();
    this.#options = options;
  }

  begin(session: KeptSession): Promise<boolean> {
    return this.#put(`begin ${session.id}`, () => this.#options.history.begin(session));
  }

  /** @param turn what is written is as it is then, not as it is now */
  save(sessionId: string, turn: Turn): Promise<boolean> {
    return this.#put(`${sessionId} ${turn.utteranceId}`, () => this.#options.history.save(sessionId, turn));
  }

  end(sessionId: string, reason: string): Promise<boolean> {
    const at = Math.round(this.#options.clock.wall());
    return this.#put(`end ${sessionId}`, () => this.#options.history.end(sessionId, reason, at));
  }

  /** One last try for what is unwritten; what then still is gets counted in the log. Idempotent. */
  async close(reason: string): Promise<void> {
    await this.#life.close(reason);
    await this.#retrying;
    await this.#writeAgain();
    if (this.#unwritten.size > 0)
      this.#options.log.error({ changes: this.#unwritten.size }, 'history lost: it could not be written');
  }

  async #put(key: string, write: () => Promise<void>): Promise<boolean> {
    const entry: Entry = this.#entries.get(key) ?? { write };
    this.#entries.set(key, entry);
    const done = new AbortController();
    const late = sleep(this.#options.clock, PATIENCE, done.signal).then(() => 'late' as const);
    const written = await Promise.race([this.#soon(key, entry), late]).finally(() => done.abort());
    if (written !== 'late') return written;
    this.#options.metrics.historyErrors.inc({ kind: 'late' });
    return false;
  }

  /** At most one write at a time and one after it, so that an older state never replaces a newer one. */
  #soon(key: string, entry: Entry): Promise<boolean> {
    if (!entry.running) return (entry.running = this.#write(key, entry));
    entry.next ??= entry.running.then(() => this.#write(key, entry));
    return entry.next;
  }

  async #write(key: string, entry: Entry): Promise<boolean> {
    const { clock } = this.#options;
    const startedAt = clock.now();
    const error = await entry.write().then(() => undefined, asAvatarError);
    entry.running = entry.next;
    entry.next = undefined;
    if (error) this.#failed(key, entry, error);
    else this.#succeeded(key, entry, clock.now() - startedAt);
    return error === undefined;
  }

  #succeeded(key: string, entry: Entry, ms: number): void {
    this.#options.metrics.historyWriteMs.observe(ms);
    if (!entry.running) this.#entries.delete(key);
    if (this.#unwritten.delete(key) && this.#unwritten.size === 0) this.#options.log.info('history is written again');
  }

  #failed(key: string, entry: Entry, error: AvatarError): void {
    const { metrics, log } = this.#options;
    const kind = error.details?.kind;
    metrics.historyErrors.inc({ kind: typeof kind === 'string' ? kind : 'other' });
    const isFirst = this.#unwritten.size === 0;
    this.#unwritten.set(key, entry);
    const oldest = this.#unwritten.keys().next().value;
    if (this.#unwritten.size > MAX_UNWRITTEN && oldest !== undefined) {
      this.#unwritten.delete(oldest);
      this.#entries.delete(oldest);
      metrics.historyErrors.inc({ kind: 'given_up' });
    }
    if (!isFirst) return;
    log.error({ err: error }, 'history can not be written; conversations go on');
    this.emit('trouble', error);
    this.#retryLater();
  }

  #retryLater(): void {
    const { clock } = this.#options;
    const forget = this.#life.defer(
      clock.at(clock.now() + AGAIN, () => {
        void forget();
        this.#retrying = this.#writeAgain().then(() => {
          if (this.#unwritten.size > 0 && this.#life.state === 'open') this.#retryLater();
        });
      }),
    );
  }

  async #writeAgain(): Promise<void> {
    for (const [key, entry] of [...this.#unwritten]) await this.#soon(key, entry);
  }
}
