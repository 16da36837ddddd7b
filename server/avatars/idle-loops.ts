import { createHash, type Hash } from 'node:crypto';
import { access, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AvatarError } from '#base/errors.ts';
import { writeWhole } from '#base/files.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { VideoFrame } from '#base/media.ts';
import type { IdleSource } from '#server/media/idle-face.ts';
import { IdleLoop } from '#server/media/idle-loop.ts';
import { LiveIdle } from '#server/media/live-idle.ts';
import type { Renderer } from '#server/render/renderer.ts';

export interface IdleLoopsOptions {
  readonly renderer: Renderer;
  /** Draws the idle loop that is on air until the renderer's own is made, where that takes its time. */
  readonly understudy?: Renderer | undefined;
  /** Where encoded loops are kept between starts. */
  readonly folder: string;
  /** The folder of an avatar that was made here, and that only the renderer can draw; undefined for those that come with the server. */
  readonly home?: (avatar: string) => string | undefined;
  readonly log: Log;
}

export interface Making {
  readonly signal?: AbortSignal;
  /** Told how many pictures there are so far. */
  readonly drawn?: (frames: number) => void;
}

/** The idle loop of each avatar, made at first use, shared by all its stages, and kept on disk for the next start. */
export class IdleLoops {
  readonly #options: IdleLoopsOptions;
  readonly #life = new Lifetime();
  readonly #loops = new Map<string, Promise<IdleSource>>();
  readonly #releases = new Map<string, () => Promise<void>>();
  /** Avatars whose own loop is there, where another stood in for it. */
  readonly #made = new Set<string>();

  constructor(options: IdleLoopsOptions) {
    this.#options = options;
  }

  /** Rejects with `render_failed`; the next call tries again. */
  async get(avatar: string, making: Making = {}): Promise<IdleSource> {
    const { renderer, understudy, log } = this.#options;
    if (!understudy || this.#made.has(avatar) || this.#home(avatar) !== undefined || (await this.#isKept(renderer, avatar)))
      return this.#loop(renderer, avatar, making);
    this.#loop(renderer, avatar, making).then(
      () => this.#made.add(avatar),
      (error: unknown) => {
        if (this.#life.state === 'open')
          log.warn({ err: error, avatar }, 'the idle loop could not be made; the next session tries again');
      },
    );
    return this.#loop(understudy, avatar, {});
  }

  /** True when the loop of an avatar that was made here is on disk, or need not be. */
  async has(avatar: string): Promise<boolean> {
    const { renderer } = this.#options;
    return renderer.stamped || (this.#home(avatar) !== undefined && (await this.#isKept(renderer, avatar)));
  }

  /** No stage will use it any more. */
  async drop(avatar: string): Promise<void> {
    const key = keyOf(this.#options.renderer, avatar);
    this.#loops.delete(key);
    await this.#releases.get(key)?.();
    this.#releases.delete(key);
  }

  /** To be called when no stage uses them any more. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #loop(renderer: Renderer, avatar: string, making: Making): Promise<IdleSource> {
    const key = keyOf(renderer, avatar);
    const known = this.#loops.get(key);
    if (known) return known;
    const loop = this.#make(renderer, avatar, making);
    this.#loops.set(key, loop);
    loop.catch(() => this.#loops.delete(key));
    return loop;
  }

  async #make(renderer: Renderer, avatar: string, { signal, drawn }: Making): Promise<IdleSource> {
    const { geometry, stamped } = renderer;
    const stop = signal ? AbortSignal.any([signal, this.#life.signal]) : this.#life.signal;
    const pictures = (): AsyncIterable<VideoFrame> => counted(renderer.idle(avatar, stop), drawn);
    if (stamped) return LiveIdle.read(pictures(), geometry);
    const file = await this.#file(renderer, avatar);
    const kept = await readFile(file).then(
      (bytes) => IdleLoop.load(bytes, geometry),
      () => undefined,
    );
    const loop = kept ?? (await IdleLoop.build(pictures(), geometry, stop));
    if (!kept) await this.#keep(file, loop.save(), avatar);
    stop.throwIfAborted();
    const release = this.#life.defer(() => loop.close());
    this.#releases.set(keyOf(renderer, avatar), release);
    return loop;
  }

  #home(avatar: string): string | undefined {
    return this.#options.home?.(avatar);
  }

  async #isKept(renderer: Renderer, avatar: string): Promise<boolean> {
    try {
      await access(await this.#file(renderer, avatar));
      return true;
    } catch {
      return false;
    }
  }

  /** The name holds what the face looks like now, so that a face that is drawn differently is encoded anew. */
  async #file(renderer: Renderer, avatar: string): Promise<string> {
    const home = this.#home(avatar);
    const { width, height } = renderer.geometry;
    const look = createHash('sha256');
    if (renderer.look) look.update(await renderer.look(avatar));
    // What one that was made here looks like can't change: each version has its own folder.
    else if (home !== undefined) look.update(`${width}x${height}`);
    else await this.#seen(look, renderer.idle(avatar, this.#life.signal));
    const name = home === undefined ? `${renderer.name}-${avatar}` : renderer.name;
    return join(home ?? this.#options.folder, `${name}-${look.digest('hex').slice(0, 16)}.idle`);
  }

  /** Its first picture. */
  async #seen(look: Hash, pictures: AsyncIterable<VideoFrame>): Promise<void> {
    for await (const { width, height, data } of pictures) {
      look.update(`${String(width)}x${String(height)}`).update(data);
      break;
    }
  }

  /** A loop that can't be kept is made again next time; that is no reason to fail, but for an avatar that is being made: half of it would be kept. */
  async #keep(file: string, bytes: Uint8Array, avatar: string): Promise<void> {
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeWhole(file, bytes);
    } catch (error) {
      this.#options.log.warn({ err: error, avatar }, 'the idle loop could not be kept');
      if (this.#home(avatar) !== undefined && error instanceof AvatarError) throw error;
    }
  }
}

const keyOf = ({ name }: Renderer, avatar: string): string => `${name} ${avatar}`;

async function* counted(
  pictures: AsyncIterable<VideoFrame>,
  drawn: Making['drawn'],
): AsyncGenerator<VideoFrame, void, undefined> {
  let frames = 0;
  for await (const picture of pictures) {
    yield picture;
    frames += 1;
    drawn?.(frames);
  }
}
