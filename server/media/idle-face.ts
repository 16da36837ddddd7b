import { AT_REST, blendOf, LOOP, placeOf, type Blend, type Expression } from '#base/expression.ts';
import { FPS, type Size, type VideoFrame } from '#base/media.ts';
import type { EncodedPicture } from './encoder.ts';
import { ExpressionPlan } from './expression-plan.ts';
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

/** The pictures of all expressions (base/expression.ts), once they are there; they go along with the idle loop. */
export type ExpressionReel = Pick<IdleSource, 'thumbnail' | 'pictures'> & { packet(frame: number): EncodedPicture };

/** A picture in the idle loop, or in the reel of expressions. */
interface Place {
  readonly source: Pick<IdleSource, 'thumbnail' | 'packet' | 'pictures'>;
  readonly index: number;
}

/** Lays the idle loop along the stage's frame numbers, and reads its raw pictures ahead where a seam needs them. */
export class IdleFace {
  readonly source: IdleSource;
  readonly #plan = new ExpressionPlan();
  readonly #expressions: () => ExpressionReel | undefined;
  /** Whole seconds, so that stored keyframes stay on the stage's one-second grid. */
  #offset = 0;
  #reader:
    | {
        readonly source: Place['source'];
        next: number;
        readonly pictures: AsyncGenerator<VideoFrame>;
        ahead: Promise<IteratorResult<VideoFrame, unknown>>;
      }
    | undefined;

  constructor(source: IdleSource, expressions: () => ExpressionReel | undefined = () => undefined) {
    this.source = source;
    this.#expressions = expressions;
  }

  /** Changes to this expression, as soon as its pictures allow. */
  attend(expression: Expression): void {
    this.#plan.wish(expression);
  }

  nod(): void {
    this.#plan.nod();
  }

  /** Decides what stage frame `frame` shows if nobody speaks. To be called for each frame, in order. */
  advance(frame: number): void {
    if (this.#reel) this.#plan.advance(frame, this.index(frame));
  }

  /** At rest from `frame` on; expressions change again from `free` on. */
  rest(frame: number, free: number): void {
    this.#plan.rest(frame, free);
  }

  /** What will be seen of each expression at stage frame `frame`, as far as known, if nobody speaks until then. */
  blend(frame: number): Blend {
    return this.#reel ? blendOf(this.#plan.expected(frame, (at) => this.index(at))) : AT_REST;
  }

  /** The stored packet of stage frame `frame`; undefined when idle is encoded live. */
  packet(frame: number): EncodedPicture | undefined {
    const { source, index } = this.#place(frame);
    return source.packet(index);
  }

  thumbnail(frame: number): Uint8Array {
    const { source, index } = this.#place(frame);
    return source.thumbnail(index);
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
    const { source, index } = this.#place(frame);
    if (this.#reader?.source === source && this.#reader.next === index) return;
    this.release();
    const pictures = source.pictures(index);
    const ahead = pictures.next();
    // An error surfaces where the picture is asked for.
    ahead.catch(() => undefined);
    this.#reader = { source, next: index, pictures, ahead };
  }

  /** The raw idle picture of stage frame `frame`. Cheap for consecutive frames. */
  async picture(frame: number): Promise<VideoFrame> {
    const { source, index } = this.#place(frame);
    if (this.#skip(source, index) > FPS) this.prepare(frame);
    for (;;) {
      const reader = this.#reader;
      if (!reader) throw new Error('the idle face was released while it was read');
      const at = reader.next;
      const result = await reader.ahead;
      if (result.done) throw new Error('the idle loop ended');
      reader.next = source === this.source ? (at + 1) % this.source.frames : at + 1;
      reader.ahead = reader.pictures.next();
      reader.ahead.catch(() => undefined);
      if (at === index) return result.value;
    }
  }

  /** Lets go of the decoder. */
  release(): void {
    void this.#reader?.pictures.return(undefined).catch(() => undefined);
    this.#reader = undefined;
  }

  /** Pictures that lie between the one that is read next and the one that is wanted; very many when it isn't read at all. */
  #skip(source: Place['source'], index: number): number {
    if (this.#reader?.source !== source) return Number.POSITIVE_INFINITY;
    const skip = index - this.#reader.next;
    if (source === this.source) return (skip + this.source.frames) % this.source.frames;
    return skip < 0 ? Number.POSITIVE_INFINITY : skip;
  }

  /** Expressions go along with idle loops of their own length only. */
  get #reel(): ExpressionReel | undefined {
    return this.source.frames === LOOP ? this.#expressions() : undefined;
  }

  #place(frame: number): Place {
    const reel = this.#reel;
    const index = this.index(frame);
    const place = reel && placeOf(this.#plan.shown(frame), index);
    return reel && place !== undefined ? { source: reel, index: place } : { source: this.source, index };
  }
}
