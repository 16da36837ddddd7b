import { FPS, type Size, type VideoFrame } from '#base/media.ts';
import type { EncodedPicture } from './encoder.ts';
import type { OwnMotion } from './own-motion.ts';

/** Where idle pictures come from: a stored loop, or live pictures when each one is stamped (then nothing can be stored). */
export interface IdleSource {
  readonly size: Size;
  /** Length of the loop, a whole number of seconds at 25 fps. */
  readonly frames: number;
  readonly motion: OwnMotion;
  thumbnail(frame: number): Uint8Array;
  /** The stored packet of a frame; undefined when idle is encoded live. */
  packet(frame: number): EncodedPicture | undefined;
  /** Raw pictures from `frame` on, round and round. */
  pictures(from: number): AsyncGenerator<VideoFrame>;
  nearest(picture: VideoFrame, candidates: Iterable<number>): { readonly frame: number; readonly error: number };
}

/** Lays the idle loop along the stage's frame numbers, and reads its raw pictures ahead where a seam needs them. */
export class IdleFace {
  readonly source: IdleSource;
  /** Whole seconds, so that stored keyframes stay on the stage's one-second grid. */
  #offset = 0;
  #reader:
    | { next: number; readonly pictures: AsyncGenerator<VideoFrame>; ahead: Promise<IteratorResult<VideoFrame, unknown>> }
    | undefined;

  constructor(source: IdleSource) {
    this.source = source;
  }

  /** The loop's frame on air at stage frame `frame`. */
  index(frame: number): number {
    return (frame + this.#offset) % this.source.frames;
  }

  /** Lays the loop anew so that at `frame` it shows the picture nearest to `last`. */
  align(frame: number, last: VideoFrame): void {
    const offsets = Array.from({ length: this.source.frames / FPS }, (_, second) => second * FPS);
    // The loop's picture of the instant that `last` was shown at: what moves, as lids do in a blink, goes on from there.
    const candidates = offsets.map((offset) => (frame - 1 + offset + this.source.frames) % this.source.frames);
    const { frame: nearest } = this.source.nearest(last, candidates);
    this.#offset = offsets[candidates.indexOf(nearest)] ?? 0;
  }

  /** Starts decoding at stage frame `frame`, so that `picture(frame)` has it at hand. */
  prepare(frame: number): void {
    const index = this.index(frame);
    if (this.#reader?.next === index) return;
    this.release();
    const pictures = this.source.pictures(index);
    const ahead = pictures.next();
    // An error surfaces where the picture is asked for.
    ahead.catch(() => undefined);
    this.#reader = { next: index, pictures, ahead };
  }

  /** The raw idle picture of stage frame `frame`. Cheap for consecutive frames. */
  async picture(frame: number): Promise<VideoFrame> {
    const { frames } = this.source;
    const wanted = this.index(frame);
    const skip = this.#reader ? (wanted - this.#reader.next + frames) % frames : frames;
    if (skip > FPS) this.prepare(frame);
    for (;;) {
      const reader = this.#reader;
      if (!reader) throw new Error('the idle face was released while it was read');
      const at = reader.next;
      const result = await reader.ahead;
      if (result.done) throw new Error('the idle loop ended');
      reader.next = (at + 1) % frames;
      reader.ahead = reader.pictures.next();
      reader.ahead.catch(() => undefined);
      if (at === wanted) return result.value;
    }
  }

  /** Lets go of the decoder. */
  release(): void {
    void this.#reader?.pictures.return(undefined).catch(() => undefined);
    this.#reader = undefined;
  }
}
