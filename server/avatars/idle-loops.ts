import { createHash } from 'node:crypto';
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
  /** Where encoded loops are kept between starts. */
  readonly folder: string;
  /** The folder of an avatar that was made here; undefined for those that come with the server. */
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

  constructor(options: IdleLoopsOptions) {
    this.#options = options;
  }

  /** Rejects with `render_failed`; the next call tries again. */
  get(avatar: string, making: Making = {}): Promise<IdleSource> {
    const known = this.#loops.get(avatar);
    if (known) return known;
    const loop = this.#make(avatar, making);
    this.#loops.set(avatar, loop);
    loop.catch(() => this.#loops.delete(avatar));
    return loop;
  }

  /** True when the loop of an avatar that was made here is on disk, or need not be. */
  async has(avatar: string): Promise<boolean> {
    if (this.#options.renderer.stamped) return true;
    const file = this.#fileAtHome(avatar);
    return (
      file !== undefined &&
      (await access(file).then(
        () => true,
        () => false,
      ))
    );
  }

  /** No stage will use it any more. */
  async drop(avatar: string): Promise<void> {
    this.#loops.delete(avatar);
    await this.#releases.get(avatar)?.();
    this.#releases.delete(avatar);
  }

  /** To be called when no stage uses them any more. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  async #make(avatar: string, { signal, drawn }: Making): Promise<IdleSource> {
    const { geometry, stamped } = this.#options.renderer;
    const stop = signal ? AbortSignal.any([signal, this.#life.signal]) : this.#life.signal;
    const pictures = (): AsyncIterable<VideoFrame> => counted(this.#options.renderer.idle(avatar, stop), drawn);
    if (stamped) return LiveIdle.read(pictures(), geometry);
    const file = this.#fileAtHome(avatar) ?? (await this.#fileByLook(avatar));
    const kept = await readFile(file).then(
      (bytes) => IdleLoop.load(bytes, geometry),
      () => undefined,
    );
    const loop = kept ?? (await IdleLoop.build(pictures(), geometry, stop));
    if (!kept) await this.#keep(file, loop.save(), avatar);
    stop.throwIfAborted();
    this.#releases.set(
      avatar,
      this.#life.defer(() => loop.close()),
    );
    return loop;
  }

  #fileAtHome(avatar: string): string | undefined {
    const { renderer, home } = this.#options;
    const { width, height } = renderer.geometry;
    const folder = home?.(avatar);
    return folder === undefined ? undefined : join(folder, `${renderer.name}-${width}x${height}.idle`);
  }

  /** The name holds what the face looks like now, so that a face that is drawn differently is encoded anew. */
  async #fileByLook(avatar: string): Promise<string> {
    const look = createHash('sha256');
    for await (const { width, height, data } of this.#options.renderer.idle(avatar, this.#life.signal)) {
      look.update(`${String(width)}x${String(height)}`).update(data);
      break;
    }
    const { renderer, folder } = this.#options;
    return join(folder, `${renderer.name}-${avatar}-${look.digest('hex').slice(0, 16)}.idle`);
  }

  /** A loop that can't be kept is made again next time; that is no reason to fail, but for an avatar that is being made: half of it would be kept. */
  async #keep(file: string, bytes: Uint8Array, avatar: string): Promise<void> {
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeWhole(file, bytes);
    } catch (error) {
      this.#options.log.warn({ err: error, avatar }, 'the idle loop could not be kept');
      if (this.#fileAtHome(avatar) !== undefined && error instanceof AvatarError) throw error;
    }
  }
}

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
