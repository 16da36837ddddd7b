import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AvatarError } from '#base/errors.ts';
import type { Clock } from '#base/clock.ts';
import type { AvatarDetails, AvatarFields, AvatarInfo } from '#protocol/http.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { checkType, type BuildOptions } from './build.ts';
import { avatars as builtIns, findAvatar, type BuiltIn } from './catalogue.ts';
import { builtInFace, builtInInfo, detailsOf, faceOf, infoOf, wanted, type Entry } from './entry.ts';
import type { HeldFace } from './face.ts';
import { ENGINES } from './kinds.ts';
import { Shelf, type ShelfOptions } from './shelf.ts';
import type { Version } from './store.ts';
import { Workshop } from './workshop.ts';

export interface AvatarsOptions extends BuildOptions, ShelfOptions {
  /** How many may be made here. */
  readonly max: number;
  /** The voice knows those that built-in characters suggest. */
  readonly speaksBuiltIn: boolean;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** A file that was sent, and what it was sent as. */
export interface Upload {
  readonly path: string;
  readonly kind: 'image' | 'clip';
}

/** Ids that a refusal names at most. */
const MOST_NAMED = 20;

/** All avatars: those that come with the server, and those that are made here, in the background. */
export class Avatars {
  readonly #options: AvatarsOptions;
  readonly #shelf: Shelf;
  readonly #workshop: Workshop;

  private constructor(options: AvatarsOptions, shelf: Shelf) {
    this.#options = options;
    this.#shelf = shelf;
    this.#workshop = new Workshop({ ...options, shelf, changed: () => this.#count() });
  }

  /** With those that earlier servers made; what was being made then is made again. Throws AvatarError `storage_failed`. */
  static async open(options: AvatarsOptions): Promise<Avatars> {
    const avatars = new Avatars(options, await Shelf.open(options));
    for (const entry of avatars.#shelf.entries) {
      entry.serves = await avatars.#isWhole(entry);
      if (wanted(entry)) avatars.#workshop.take(entry);
    }
    avatars.#count();
    return avatars;
  }

  list(): AvatarInfo[] {
    const { renderer, speaksBuiltIn } = this.#options;
    const made = this.#shelf.entries.filter(({ kept }) => !kept.deleted);
    return [...builtIns().map((one) => builtInInfo(one, renderer, speaksBuiltIn)), ...made.map((one) => infoOf(one, renderer))];
  }

  /** Throws `avatar_not_found`. */
  get(id: string): AvatarDetails {
    const { renderer, speaksBuiltIn } = this.#options;
    const entry = this.#made(id);
    if (entry) return detailsOf(entry, renderer);
    return { ...builtInInfo(this.#builtIn(id), renderer, speaksBuiltIn), engines: [...ENGINES.drawn] };
  }

  /**
   * The face for a session, held until it is released; `back` for a session that was there before, which keeps an avatar that was deleted.
   * Throws `avatar_not_found`, or `avatar_not_ready` with the reason.
   */
  take(id: string | undefined, back = false): HeldFace {
    const entry = id === undefined ? undefined : back ? this.#shelf.find(id) : this.#made(id);
    if (!entry) return { ...builtInFace(this.#builtIn(id)), release: () => undefined };
    const { current } = entry.kept;
    if (!current || !entry.serves) throw this.#notReady(entry);
    const { folder, renderer } = this.#options;
    return { ...faceOf(entry.kept.id, current, folder, renderer), release: this.#shelf.hold(entry, current.version) };
  }

  /** A path for one upload, which its sender removes if it isn't taken over. Throws `storage_failed`. */
  async incoming(): Promise<string> {
    return join(await this.#shelf.incoming(), randomBytes(16).toString('hex'));
  }

  /** Takes the upload over. Resolves once the avatar can't be lost; it is made later. Throws `too_many_avatars`, `storage_failed`, `unsupported_media_type`. */
  create(fields: AvatarFields, { path, kind }: Upload): Promise<AvatarDetails> {
    return this.#shelf.change(async () => {
      const { max, clock } = this.#options;
      if (this.#shelf.entries.filter(({ kept }) => !kept.deleted).length >= max)
        throw new AvatarError('too_many_avatars', `This server keeps at most ${max} avatars; delete one first.`);
      await checkType(path, kind);
      const next = newVersion(fields, kind);
      const id = `av_${randomBytes(9).toString('base64url')}`;
      return this.#make(await this.#shelf.add({ id, createdAt: Math.round(clock.wall()), deleted: false, next }, next, path));
    });
  }

  /** The same for the next version of an avatar; the one before serves until it is ready. Throws `avatar_not_found`, `conflict` for one that comes with the server. */
  replace(id: string, fields: AvatarFields, { path, kind }: Upload): Promise<AvatarDetails> {
    return this.#shelf.change(async () => {
      const { kept } = this.#changeable(id);
      await checkType(path, kind);
      const next = newVersion(fields, kind);
      const entry = await this.#shelf.add({ ...kept, next }, next, path);
      this.#drop(entry);
      return this.#make(entry);
    });
  }

  /** Nobody gets it any more; sessions that have it go on with it. Throws as `replace` does. */
  remove(id: string): Promise<void> {
    return this.#shelf.change(async () => {
      const entry = this.#changeable(id);
      await this.#shelf.put(entry, { ...entry.kept, deleted: true });
      this.#drop(entry);
      this.#count();
    });
  }

  /** Lets go of what no session needs any more: to be called once it is known which are there. */
  sweep(): void {
    for (const entry of this.#shelf.entries) this.#shelf.tidy(entry);
  }

  /** Idempotent. */
  async close(reason: string): Promise<void> {
    await this.#workshop.close(reason);
    await this.#shelf.change(() => Promise.resolve());
  }

  /** All that this renderer needs of the current version is there. */
  async #isWhole({ kept: { id, current } }: Entry): Promise<boolean> {
    if (!current) return false;
    const { folder, renderer, engineOf } = this.#options;
    const face = faceOf(id, current, folder, renderer);
    return engineOf(face).idleLoops.has(face.key);
  }

  /** What is being made of it is not wanted any more. */
  #drop(entry: Entry): void {
    entry.making?.abort.abort();
    entry.trouble = undefined;
    this.#shelf.tidy(entry);
  }

  #make(entry: Entry): AvatarDetails {
    this.#workshop.take(entry);
    this.#count();
    return detailsOf(entry, this.#options.renderer);
  }

  #made(id: string): Entry | undefined {
    const entry = this.#shelf.find(id);
    return entry?.kept.deleted === true ? undefined : entry;
  }

  #builtIn(id: string | undefined): BuiltIn {
    const others = this.list().filter(({ kind, state }) => kind !== 'drawn' && state === 'ready');
    return findAvatar(
      id,
      others.map((one) => one.id),
    );
  }

  #changeable(id: string): Entry {
    const entry = this.#made(id);
    if (entry) return entry;
    const { id: known } = this.#builtIn(id);
    throw new AvatarError('conflict', `The avatar "${known}" comes with the server: it can't be replaced or deleted.`);
  }

  #notReady(entry: Entry): AvatarError {
    const { state, progress, reason } = detailsOf(entry, this.#options.renderer);
    const allowed = this.list().flatMap((one) => (one.state === 'ready' ? [one.id] : []));
    const done = progress === undefined ? 'It waits to be built.' : `It is being built, ${Math.round(progress * 100)} %.`;
    return new AvatarError('avatar_not_ready', `The avatar "${entry.kept.id}" can't be shown (${state}): ${reason ?? done}`, {
      details: { state, ...(progress === undefined ? {} : { progress }), allowed: allowed.slice(0, MOST_NAMED) },
    });
  }

  #count(): void {
    const counts = { queued: 0, building: 0, ready: 0, failed: 0 };
    for (const { state } of this.list()) counts[state] += 1;
    for (const [state, count] of Object.entries(counts)) this.#options.metrics.avatars.set({ state }, count);
  }
}

const newVersion = (fields: AvatarFields, kind: Upload['kind']): Version => ({
  ...fields,
  version: randomBytes(8).toString('hex'),
  kind,
  tries: 0,
});
