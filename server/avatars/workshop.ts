import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { asAvatarError, AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import { Queue } from '#base/queue.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { build, UPLOAD, type BuildOptions } from './build.ts';
import { faceOf, wanted, type Entry } from './entry.ts';
import type { Shelf } from './shelf.ts';
import type { Version } from './store.ts';

export interface WorkshopOptions extends BuildOptions {
  readonly folder: string;
  readonly shelf: Shelf;
  /** Called when the state of one has changed. */
  readonly changed: () => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Tries until an avatar is given up; between them so long, ms. */
const MAX_TRIES = 5;
const REST = { first: 2_000, most: 120_000 };
/** Ids that may wait; more make their senders wait. */
const MAX_WAITING = 10_000;

type Outcome = 'ready' | 'failed' | 'later' | 'dropped';

/** Makes avatars, one after the other: there are stages on air beside it. */
export class Workshop {
  readonly #options: WorkshopOptions;
  readonly #life = new Lifetime();
  readonly #queue = new Queue<Entry>(MAX_WAITING);
  readonly #running: Promise<void>;

  constructor(options: WorkshopOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Its turn comes; nothing happens then when there is nothing to make. */
  take(entry: Entry): void {
    void this.#queue.push(entry);
  }

  /** What is being made is begun again by the next server. Idempotent. */
  async close(reason: string): Promise<void> {
    this.#queue.clear();
    await this.#life.close(reason);
    await this.#running;
  }

  async #run(): Promise<void> {
    for await (const entry of this.#queue) {
      const version = wanted(entry);
      if (!version) continue;
      await this.#make(entry, version);
      // Another version may have come meanwhile.
      const next = wanted(entry);
      if (next && next.version !== version.version) this.take(entry);
    }
  }

  async #make(entry: Entry, version: Version): Promise<void> {
    const { clock, log, metrics, folder, renderer, shelf, changed } = this.#options;
    const { id } = entry.kept;
    const abort = new AbortController();
    const forget = this.#life.defer(() => abort.abort());
    const making = { abort, at: { step: 'reading', progress: 0 } } as NonNullable<Entry['making']>;
    Object.assign(entry, { making, trouble: undefined });
    changed();
    const begun = { ...version, tries: version.tries + 1 };
    const since = clock.now();
    let outcome: Outcome;
    try {
      if (version.tries >= MAX_TRIES)
        throw new AvatarError('bad_request', `Its making was begun ${MAX_TRIES} times and has never come to an end.`);
      await shelf.update(entry, begun, abort.signal);
      const face = faceOf(id, version, folder, renderer);
      const seen = await build(
        { ...face, folder: join(folder, id, version.version) },
        this.#options,
        abort.signal,
        (at) => (making.at = at),
      );
      await shelf.serve(entry, { ...begun, ...seen }, abort.signal);
      outcome = 'ready';
    } catch (error) {
      outcome = abort.signal.aborted ? 'dropped' : await this.#failed(entry, begun, error, abort.signal);
    }
    void forget();
    entry.making = undefined;
    metrics.avatarBuildMs.observe({ outcome }, clock.now() - since);
    log.info({ avatar: id, version: version.version, outcome }, 'avatar built');
    changed();
  }

  /** What is wrong with it is wrong for good; what is wrong here may pass. */
  async #failed(entry: Entry, version: Version, error: unknown, signal: AbortSignal): Promise<Outcome> {
    const { log, shelf, folder } = this.#options;
    const { code, message, details } = asAvatarError(error);
    log.warn({ err: error, avatar: entry.kept.id, tries: version.tries }, 'an avatar could not be made');
    if (code !== 'bad_request' && version.tries < MAX_TRIES) return this.#later(entry, version, message);
    const by = typeof details?.['failedBy'] === 'string' ? { failedBy: details['failedBy'] } : {};
    try {
      await shelf.update(entry, { ...version, tries: 0, failure: message, ...by }, signal);
      await rm(join(folder, entry.kept.id, version.version, UPLOAD), { force: true });
      return 'failed';
    } catch {
      return signal.aborted ? 'dropped' : this.#later(entry, version, message);
    }
  }

  #later(entry: Entry, { tries }: Version, message: string): Outcome {
    const { clock } = this.#options;
    const rest = Math.min(REST.first * 4 ** (tries - 1), REST.most);
    entry.trouble = `${message} It is tried again in ${Math.round(rest / 1_000)} s.`;
    const forget = this.#life.defer(
      clock.at(clock.now() + rest, () => {
        void forget();
        this.take(entry);
      }),
    );
    return 'later';
  }
}
