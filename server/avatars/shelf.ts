import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { notWritten } from '#base/files.ts';
import type { Log } from '#base/log.ts';
import { InTurn } from '#server/media/in-turn.ts';
import { UPLOAD } from './build.ts';
import type { Entry } from './entry.ts';
import { keyOf, type AvatarStore, type KeptAvatar, type Version } from './store.ts';

export interface ShelfOptions {
  /** Where the files of all avatars lie: a folder for each, with one for each version. */
  readonly folder: string;
  readonly store: AvatarStore;
  /** A session that is not over has it, though it may be asleep. */
  readonly isWanted: (id: string) => boolean;
  /** No stage shows the face of that key any more. */
  readonly forget: (key: string) => Promise<void>;
  readonly log: Log;
}

/** Where uploads lie while they come in; emptied at each start. */
const INCOMING = '.incoming';

/** The avatars that were made here, in memory, in the store and on the disk: one change at a time, each durable before it is seen. */
export class Shelf {
  readonly #options: ShelfOptions;
  readonly #turns = new InTurn();
  readonly #entries = new Map<string, Entry>();

  private constructor(options: ShelfOptions) {
    this.#options = options;
  }

  /** With those that earlier servers left; another renderer may show what one of theirs could not. Throws AvatarError `storage_failed`. */
  static async open(options: ShelfOptions & { readonly renderer: string }): Promise<Shelf> {
    const shelf = new Shelf(options);
    await rm(join(options.folder, INCOMING), { recursive: true, force: true });
    for (const kept of await options.store.all()) shelf.#entries.set(kept.id, newEntry(another(kept, options.renderer)));
    return shelf;
  }

  /** Oldest first, deleted ones that are still on some stage among them. */
  get entries(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  find(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** The folder for what comes in, made. Throws `storage_failed`. */
  async incoming(): Promise<string> {
    const folder = join(this.#options.folder, INCOMING);
    await make(folder);
    return folder;
  }

  /** One change after the other. */
  change<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.run(work);
  }

  /** Within a change: puts the upload at `path` into the folder of the version that is `kept` as its next one. Leaves nothing when that fails. */
  async add(kept: KeptAvatar, { version }: Version, path: string): Promise<Entry> {
    const { folder, store } = this.#options;
    const known = this.#entries.get(kept.id);
    const home = join(folder, kept.id);
    try {
      await make(join(home, version));
      await rename(path, join(home, version, UPLOAD));
      await store.put(kept);
    } catch (error) {
      await rm(known ? join(home, version) : home, { recursive: true, force: true });
      throw error;
    }
    const entry = known ?? newEntry(kept);
    entry.kept = kept;
    this.#entries.set(kept.id, entry);
    return entry;
  }

  /** Within a change. */
  async put(entry: Entry, kept: KeptAvatar): Promise<void> {
    await this.#options.store.put(kept);
    entry.kept = kept;
  }

  /** Puts `to` where that version is; rejects when `signal` has aborted since, which says that it was dropped. */
  update(entry: Entry, to: Version, signal: AbortSignal): Promise<void> {
    return this.change(async () => {
      signal.throwIfAborted();
      const slot = entry.kept.next?.version === to.version ? 'next' : 'current';
      await this.put(entry, { ...entry.kept, [slot]: to });
    });
  }

  /** From here on it is this version that sessions get. */
  async serve(entry: Entry, version: Version, signal: AbortSignal): Promise<void> {
    await this.change(async () => {
      signal.throwIfAborted();
      const { next, ...kept } = entry.kept;
      const later = next && next.version !== version.version ? { next } : {};
      await this.put(entry, { ...kept, ...later, current: { ...version, tries: 0 } });
      entry.serves = true;
    });
    this.tidy(entry);
  }

  /** A session has that version of it. Call the answer, once or more, when it hasn't any more. */
  hold(entry: Entry, version: string): () => void {
    const { holders } = entry;
    holders.set(version, (holders.get(version) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (holders.get(version) ?? 1) - 1;
      if (left > 0) holders.set(version, left);
      else holders.delete(version);
      this.tidy(entry);
    };
  }

  /** Removes, a little later, what nobody needs any more: versions that neither serve, nor are to come, nor are on some stage; deleted avatars. */
  tidy(entry: Entry): void {
    this.change(() => this.#tidy(entry)).catch((error: unknown) => {
      this.#options.log.warn({ err: error, avatar: entry.kept.id }, 'what an avatar no longer needs could not be removed');
    });
  }

  async #tidy(entry: Entry): Promise<void> {
    const { folder, store, isWanted, forget } = this.#options;
    const { kept, holders } = entry;
    const isOver = kept.deleted && holders.size === 0 && !isWanted(kept.id);
    const needed = new Set<string | undefined>(holders.keys());
    if (!isOver) needed.add(kept.current?.version);
    if (!kept.deleted) needed.add(kept.next?.version);
    const home = join(folder, kept.id);
    for (const version of await readdir(home).catch(() => [])) {
      if (needed.has(version)) continue;
      await forget(keyOf(kept.id, version));
      await rm(join(home, version), { recursive: true, force: true });
    }
    if (!isOver) return;
    await rm(home, { recursive: true, force: true });
    await store.remove(kept.id);
    this.#entries.delete(kept.id);
  }
}

const newEntry = (kept: KeptAvatar): Entry => ({
  kept,
  serves: false,
  making: undefined,
  trouble: undefined,
  holders: new Map(),
});

function another(kept: KeptAvatar, renderer: string): KeptAvatar {
  const again = ({ failure, failedBy, ...version }: Version): Version =>
    failure !== undefined && (failedBy === undefined || failedBy === renderer)
      ? { ...version, failure, ...(failedBy === undefined ? {} : { failedBy }) }
      : version;
  const { next, current, ...rest } = kept;
  return { ...rest, ...(next ? { next: again(next) } : {}), ...(current ? { current: again(current) } : {}) };
}

async function make(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw notWritten(error);
  });
}
