import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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
  readonly log: Log;
}

/** The idle loop of each avatar, made at first use, shared by all its stages, and kept on disk for the next start. */
export class IdleLoops {
  readonly #options: IdleLoopsOptions;
  readonly #life = new Lifetime();
  readonly #loops = new Map<string, Promise<IdleSource>>();

  constructor(options: IdleLoopsOptions) {
    this.#options = options;
  }

  /** Rejects with `render_failed`; the next call tries again. */
  get(avatar: string): Promise<IdleSource> {
    const known = this.#loops.get(avatar);
    if (known) return known;
    const loop = this.#make(avatar);
    this.#loops.set(avatar, loop);
    loop.catch(() => this.#loops.delete(avatar));
    return loop;
  }

  /** To be called when no stage uses them any more. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  async #make(avatar: string): Promise<IdleSource> {
    const { geometry, stamped } = this.#options.renderer;
    if (stamped) return LiveIdle.read(this.#pictures(avatar), geometry);
    const file = await this.#file(avatar);
    const kept = await readFile(file).then(
      (bytes) => IdleLoop.load(bytes, geometry),
      () => undefined,
    );
    const loop = kept ?? (await IdleLoop.build(this.#pictures(avatar), geometry, this.#life.signal));
    this.#life.defer(() => loop.close());
    if (!kept) await this.#keep(file, loop.save());
    return loop;
  }

  #pictures(avatar: string): AsyncIterable<VideoFrame> {
    return this.#options.renderer.idle(avatar, this.#life.signal);
  }

  /** The name holds what the face looks like now, so that a face that is drawn differently is encoded anew. */
  async #file(avatar: string): Promise<string> {
    const look = createHash('sha256');
    for await (const { width, height, data } of this.#pictures(avatar)) {
      look.update(`${String(width)}x${String(height)}`).update(data);
      break;
    }
    const { renderer, folder } = this.#options;
    return join(folder, `${renderer.name}-${avatar}-${look.digest('hex').slice(0, 16)}.idle`);
  }

  /** A loop that can't be kept is made again next time; that is no reason to fail. */
  async #keep(file: string, bytes: Uint8Array): Promise<void> {
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(`${file}.new`, bytes);
      await rename(`${file}.new`, file);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the idle loop could not be kept');
    }
  }
}
