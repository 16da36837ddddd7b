import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { writeWhole } from '#base/files.ts';
import { reel } from '#base/expression.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { VideoFrame } from '#base/media.ts';
import { Reel } from '#server/media/reel.ts';
import type { Renderer } from '#server/render/renderer.ts';

/** One that draws expressions. */
type Expressive = Renderer & Required<Pick<Renderer, 'expressions'>>;

export const isExpressive = (renderer: Renderer): renderer is Expressive => renderer.expressions !== undefined;

export interface ExpressionReelsOptions {
  readonly renderer: Expressive;
  /** Where encoded reels are kept between starts. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Pictures in a row; then who speaks comes first, for as long again. */
const IN_A_ROW = 5;
/** A reel is known by so many of its first pictures, in which all expressions are seen. */
const SEEN = 5;

/**
 * How each avatar listens, nods and thinks: drawn and encoded once, at first use and in the background, shared by all its stages, and kept on disk for
 * the next start.
 */
export class ExpressionReels {
  readonly #options: ExpressionReelsOptions;
  readonly #life = new Lifetime();
  readonly #reels = new Map<string, Reel>();
  readonly #making = new Map<string, Promise<void>>();
  /** One after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: ExpressionReelsOptions) {
    this.#options = options;
  }

  /** The avatar's reel, if it is there by now. */
  of(avatar: string): Reel | undefined {
    return this.#reels.get(avatar);
  }

  /** Has it made, unless it is or will be. Resolves when it is there or can't be made; a later call tries again then. */
  prepare(avatar: string): Promise<void> {
    const known = this.#making.get(avatar);
    if (known || this.#life.state !== 'open') return known ?? Promise.resolve();
    const made = this.#work.then(() => this.#make(avatar));
    this.#work = made.catch((error: unknown) => {
      this.#making.delete(avatar);
      if (this.#life.state === 'open') this.#options.log.warn({ err: error, avatar }, 'its expressions could not be made');
    });
    this.#making.set(avatar, this.#work);
    return this.#work;
  }

  /** To be called when no stage uses them any more. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  async #make(avatar: string): Promise<void> {
    const { geometry } = this.#options.renderer;
    const { signal } = this.#life;
    const layout = reel();
    const file = await this.#file(avatar);
    const kept = await readFile(file).then(
      (bytes) => Reel.load(bytes, geometry),
      () => undefined,
    );
    const whole = kept?.frames === layout.length ? kept : undefined;
    const { width, height } = geometry;
    const options = { width, height, isKeyframe: (frame: number) => layout[frame]?.keyframe === true, most: layout.length };
    const made = whole ?? (await Reel.build(this.#draw(avatar), options, signal));
    this.#life.defer(() => made.close());
    signal.throwIfAborted();
    if (made.frames !== layout.length)
      throw new AvatarError('render_failed', `${made.frames} of ${layout.length} pictures of its expressions were drawn.`);
    if (!whole) await this.#keep(file, made.save(), avatar);
    this.#reels.set(avatar, made);
  }

  /** With pauses: in a conversation each picture is waited for, here none is. */
  async *#draw(avatar: string): AsyncGenerator<VideoFrame, void, undefined> {
    const { clock } = this.#options;
    const { signal } = this.#life;
    let [drawn, since] = [0, clock.now()];
    for await (const picture of this.#pictures(avatar)) {
      yield picture;
      picture.free?.();
      if (++drawn % IN_A_ROW > 0) continue;
      await sleep(clock, clock.now() - since, signal);
      since = clock.now();
    }
  }

  #pictures(avatar: string): AsyncIterable<VideoFrame> {
    return this.#options.renderer.expressions(avatar, this.#life.signal);
  }

  /** The name holds what the face looks like now, and how the reel is laid out. */
  async #file(avatar: string): Promise<string> {
    const { renderer, folder } = this.#options;
    const look = createHash('sha256').update(JSON.stringify(reel()));
    let seen = 0;
    for await (const { width, height, data } of this.#pictures(avatar)) {
      look.update(`${String(width)}x${String(height)}`).update(data);
      if (++seen === SEEN) break;
    }
    return join(folder, `${renderer.name}-${avatar}-${look.digest('hex').slice(0, 16)}.reel`);
  }

  /** One that can't be kept is made again next time. */
  async #keep(file: string, bytes: Uint8Array, avatar: string): Promise<void> {
    try {
      await mkdir(this.#options.folder, { recursive: true });
      await writeWhole(file, bytes);
    } catch (error) {
      this.#options.log.warn({ err: error, avatar }, 'its expressions could not be kept');
    }
  }
}
