import { AvatarError } from '#base/errors.ts';
import { FPS, type Size, type VideoFrame } from '#base/media.ts';
import type { IdleSource } from './idle-face.ts';
import { OwnMotion } from './own-motion.ts';
import { thumbnail } from './thumbnails.ts';

/** An idle loop that can't be stored because every picture is changed at its release (the test card's number): raw pictures, encoded live. */
export class LiveIdle implements IdleSource {
  readonly size: Size;
  readonly frames: number;
  /** The test card is cut, not faded: there is no usual motion to compare a seam with. */
  readonly motion = OwnMotion.unknown(255);
  readonly #pictures: readonly VideoFrame[];

  private constructor(size: Size, pictures: readonly VideoFrame[]) {
    this.size = size;
    this.frames = pictures.length;
    this.#pictures = pictures;
  }

  static async read(pictures: AsyncIterable<VideoFrame>, { width, height }: Size): Promise<LiveIdle> {
    const all = await Array.fromAsync(pictures);
    if (all.length === 0 || all.length % FPS !== 0) {
      throw new AvatarError(
        'render_failed',
        `The idle loop has ${String(all.length)} frames; it must be a whole number of seconds.`,
      );
    }
    return new LiveIdle({ width, height }, all);
  }

  thumbnail(frame: number): Uint8Array {
    const picture = this.#pictures.at(frame % this.frames);
    if (!picture) throw new AvatarError('internal', `There is no idle frame ${String(frame)}.`);
    return thumbnail(picture);
  }

  packet(): undefined {
    return undefined;
  }

  async *pictures(from: number): AsyncGenerator<VideoFrame> {
    for (let frame = from; ; frame += 1) {
      const picture = this.#pictures[frame % this.frames];
      if (!picture) return;
      yield await Promise.resolve(picture);
    }
  }

  nearest(_picture: VideoFrame, candidates: Iterable<number>): { readonly frame: number; readonly error: number } {
    const [frame = 0] = candidates;
    return { frame, error: 0 };
  }
}
