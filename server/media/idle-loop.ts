import { AvatarError } from '#base/errors.ts';
import { FPS, type Size, type VideoFrame } from '#base/media.ts';
import type { EncodedPicture } from './encoder.ts';
import { OwnMotion } from './own-motion.ts';
import { Reel } from './reel.ts';
import { difference, thumbnail } from './thumbnails.ts';

/** A longer loop is a renderer that never ends. */
const MAX_FRAMES = 120 * FPS;

/** What an avatar looks like while nobody speaks, encoded once: closed GOPs of one second, each starting with an IDR. Frame numbers wrap round it. */
export class IdleLoop {
  readonly size: Size;
  /** Length, a multiple of 25. */
  readonly frames: number;
  /** Between consecutive frames, the last and the first included. */
  readonly motion: OwnMotion;
  readonly #reel: Reel;

  private constructor(reel: Reel) {
    this.size = reel.size;
    this.frames = reel.frames;
    this.#reel = reel;
    this.motion = OwnMotion.of(Array.from({ length: reel.frames }, (_, frame) => reel.thumbnail(frame)));
  }

  /**
   * Encodes `pictures`, all of `size` and a whole number of seconds at 25 fps. Rejects with `render_failed` when they are not, and
   * with the signal's reason when it aborts.
   */
  static async build(pictures: AsyncIterable<VideoFrame>, size: Size, signal: AbortSignal): Promise<IdleLoop> {
    const reel = await Reel.build(pictures, { ...size, isKeyframe: (frame) => frame % FPS === 0, most: MAX_FRAMES }, signal);
    if (isWhole(reel)) return new IdleLoop(reel);
    throw new AvatarError(
      'render_failed',
      `The idle loop has ${String(reel.frames)} frames; it must be a whole number of seconds (a multiple of ${String(FPS)} frames).`,
    );
  }

  /** The loop as bytes that `load` reads. */
  save(): Uint8Array {
    return this.#reel.save();
  }

  /** A saved loop, or undefined when the bytes are none, or one of another size. */
  static load(bytes: Uint8Array, size: Size): IdleLoop | undefined {
    const reel = Reel.load(bytes, size);
    return reel && isWhole(reel) ? new IdleLoop(reel) : undefined;
  }

  packet(frame: number): EncodedPicture {
    return this.#reel.packet(frame);
  }

  thumbnail(frame: number): Uint8Array {
    return this.#reel.thumbnail(frame);
  }

  /** As `Reel.picture`. */
  picture(frame: number): Promise<VideoFrame> {
    return this.#reel.picture(frame);
  }

  /** Pictures from `from` on, round and round, until the reader stops. */
  pictures(from: number): AsyncGenerator<VideoFrame, void, undefined> {
    return this.#reel.pictures(from);
  }

  /** The candidate that looks most like `picture`, the first of equals, and its `difference`. */
  nearest(picture: VideoFrame, candidates: Iterable<number>): { readonly frame: number; readonly error: number } {
    const wanted = thumbnail(picture);
    let best: { frame: number; error: number } | undefined;
    for (const frame of candidates) {
      const error = difference(wanted, this.thumbnail(frame));
      if (!best || error < best.error) best = { frame, error };
    }
    if (!best) throw new AvatarError('internal', 'The nearest idle frame was asked for without any candidate.');
    return best;
  }

  close(): Promise<void> {
    return this.#reel.close();
  }
}

const isWhole = ({ frames }: Reel): boolean => frames % FPS === 0;
