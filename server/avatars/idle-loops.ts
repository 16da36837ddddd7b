import { createHash, type Hash } from 'node:crypto';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
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
  /** Draws the idle loop that is on air until the renderer's own is made, where that takes its time. */
  readonly understudy?: Renderer | undefined;
  /** Where encoded loops are kept between starts. */
  readonly folder: string;
  readonly log: Log;
}

/** The idle loop of each avatar, made at first use, shared by all its stages, and kept on disk for the next start. */
export class IdleLoops {
  readonly #options: IdleLoopsOptions;
  readonly #life = new Lifetime();
  readonly #loops = new Map<string, Promise<IdleSource>>();
  /** Avatars whose own loop is there, where another stood in for it. */
  readonly #made = new Set<string>();

  constructor(options: IdleLoopsOptions) {
    this.#options = options;
  }

  /** Rejects with `render_failed`; the next call tries again. */
  async get(avatar: string): Promise<IdleSource> {
    const { renderer, understudy, log } = this.#options;
    if (!understudy || this.#made.has(avatar) || (await this.#isKept(renderer, avatar))) return this.#loop(renderer, avatar);
    this.#loop(renderer, avatar).then(
      () => this.#made.add(avatar),
      (error: unknown) => {
        if (this.#life.state === 'open')
          log.warn({ err: error, avatar }, 'the idle loop could not be made; the next session tries again');
      },
    );
    return this.#loop(understudy, avatar);
  }

  #loop(renderer: Renderer, avatar: string): Promise<IdleSource> {
    const key = `${renderer.name} ${avatar}`;
    const known = this.#loops.get(key);
    if (known) return known;
    const loop = this.#make(renderer, avatar);
    this.#loops.set(key, loop);
    loop.catch(() => this.#loops.delete(key));
    return loop;
  }

  /** To be called when no stage uses them any more. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  async #make(renderer: Renderer, avatar: string): Promise<IdleSource> {
    const { geometry, stamped } = renderer;
    if (stamped) return LiveIdle.read(renderer.idle(avatar, this.#life.signal), geometry);
    const file = await this.#file(renderer, avatar);
    const kept = await readFile(file).then(
      (bytes) => IdleLoop.load(bytes, geometry),
      () => undefined,
    );
    const loop = kept ?? (await IdleLoop.build(renderer.idle(avatar, this.#life.signal), geometry, this.#life.signal));
    this.#life.defer(() => loop.close());
    if (!kept) await this.#keep(file, loop.save());
    return loop;
  }

  async #isKept(renderer: Renderer, avatar: string): Promise<boolean> {
    const file = await this.#file(renderer, avatar);
    return access(file).then(
      () => true,
      () => false,
    );
  }

  /** The name holds what the face looks like now, so that a face that is drawn differently is encoded anew. */
  async #file(renderer: Renderer, avatar: string): Promise<string> {
    const look = createHash('sha256');
    if (renderer.look) look.update(await renderer.look(avatar));
    else await this.#seen(look, renderer.idle(avatar, this.#life.signal));
    const { folder } = this.#options;
    return join(folder, `${renderer.name}-${avatar}-${look.digest('hex').slice(0, 16)}.idle`);
  }

  /** Its first picture. */
  async #seen(look: Hash, pictures: AsyncIterable<VideoFrame>): Promise<void> {
    for await (const { width, height, data } of pictures) {
      look.update(`${String(width)}x${String(height)}`).update(data);
      break;
    }
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
