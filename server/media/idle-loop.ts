import { deserialize, serialize } from 'node:v8';
import { z } from 'zod';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import { FPS, TICKS_PER_FRAME, type Size, type VideoFrame } from '#base/media.ts';
import { VideoDecoder } from './decoder.ts';
import { VideoEncoder, type EncodedPicture } from './encoder.ts';
import { InTurn } from './in-turn.ts';
import { OwnMotion } from './own-motion.ts';
import { difference, thumbnail } from './thumbnails.ts';

/** A longer loop is a renderer that never ends. */
const MAX_FRAMES = 120 * FPS;
/** Pictures kept decoded, so that a cross-fade can look back a little. */
const KEPT = 2;

interface Stored {
  readonly packet: EncodedPicture;
  readonly thumbnail: Uint8Array;
}

const Bytes = z.instanceof(Uint8Array);
const Saved = z.object({
  size: z.object({ width: z.number(), height: z.number() }),
  stored: z
    .array(z.object({ packet: z.object({ data: Bytes, keyframe: z.boolean() }), thumbnail: Bytes }))
    .refine((stored) => stored.length > 0 && stored.length % FPS === 0),
});
type Saved = { readonly size: Size; readonly stored: readonly Stored[] };

/**
 * What an avatar looks like while nobody speaks, encoded once: closed GOPs of one second, each starting with an IDR. Holds packets and
 * thumbnails only; pictures are decoded when asked for. Frame numbers beyond the loop (or negative) wrap round it.
 */
export class IdleLoop {
  readonly size: Size;
  /** Length, a multiple of 25. */
  readonly frames: number;
  /** Between consecutive frames, the last and the first included. */
  readonly motion: OwnMotion;
  readonly #stored: readonly Stored[];
  readonly #lifetime = new Lifetime();
  readonly #turns = new InTurn();
  #cursor: Promise<Cursor> | undefined;

  private constructor(size: Size, stored: readonly Stored[]) {
    this.size = size;
    this.frames = stored.length;
    this.#stored = stored;
    this.motion = OwnMotion.of(stored.map((one) => one.thumbnail));
  }

  thumbnail(frame: number): Uint8Array {
    return this.#at(frame).thumbnail;
  }

  /**
   * Encodes `pictures`, all of `size` and a whole number of seconds at 25 fps. Rejects with `render_failed` when they are not, and
   * with the signal's reason when it aborts.
   */
  static async build(pictures: AsyncIterable<VideoFrame>, { width, height }: Size, signal: AbortSignal): Promise<IdleLoop> {
    const size = { width, height };
    const encoder = await VideoEncoder.open(size);
    try {
      const stored: Stored[] = [];
      for await (const picture of pictures) {
        signal.throwIfAborted();
        if (stored.length === MAX_FRAMES) throw badLength(`goes on after ${String(MAX_FRAMES)} frames`);
        const frame = stored.length;
        const packet = await encoder.encode(picture, frame * TICKS_PER_FRAME, frame % FPS === 0);
        stored.push({ packet, thumbnail: thumbnail(picture) });
      }
      signal.throwIfAborted();
      if (stored.length === 0 || stored.length % FPS !== 0) throw badLength(`has ${String(stored.length)} frames`);
      return new IdleLoop(size, stored);
    } finally {
      await encoder.close();
    }
  }

  /** The loop as bytes that `load` reads. */
  save(): Uint8Array {
    return serialize({ size: this.size, stored: this.#stored } satisfies Saved);
  }

  /** A saved loop, or undefined when the bytes are none, or one of another size. */
  static load(bytes: Uint8Array, { width, height }: Size): IdleLoop | undefined {
    try {
      const { size, stored } = Saved.parse(deserialize(bytes));
      return size.width === width && size.height === height ? new IdleLoop(size, stored) : undefined;
    } catch {
      return undefined;
    }
  }

  packet(frame: number): EncodedPicture {
    return this.#at(frame).packet;
  }

  /** Decodes on from the picture asked for before when that is nearer than the IDR: ascending frames cost one decode each. */
  picture(frame: number): Promise<VideoFrame> {
    return this.#turns.run(async () => {
      this.#cursor ??= this.#openCursor();
      return (await this.#cursor).picture(this.#wrap(frame));
    });
  }

  /** Pictures from `from` on, round and round, until the reader stops. */
  async *pictures(from: number): AsyncGenerator<VideoFrame, void, undefined> {
    const cursor = await this.#openCursor();
    try {
      for (let frame = from; ; frame += 1) yield await cursor.picture(this.#wrap(frame));
    } finally {
      await cursor.close();
    }
  }

  /** The candidate that looks most like `picture`, the first of equals, and its `difference`. */
  nearest(picture: VideoFrame, candidates: Iterable<number>): { readonly frame: number; readonly error: number } {
    const wanted = thumbnail(picture);
    let best: { frame: number; error: number } | undefined;
    for (const frame of candidates) {
      const error = difference(wanted, this.#at(frame).thumbnail);
      if (!best || error < best.error) best = { frame, error };
    }
    if (!best) throw new AvatarError('internal', 'The nearest idle frame was asked for without any candidate.');
    return best;
  }

  close(): Promise<void> {
    return this.#lifetime.close('closed');
  }

  #wrap(frame: number): number {
    return ((frame % this.frames) + this.frames) % this.frames;
  }

  #at(frame: number): Stored {
    const stored = this.#stored[this.#wrap(frame)];
    if (!stored) throw new AvatarError('internal', `There is no idle frame ${String(frame)}; frame numbers are integers.`);
    return stored;
  }

  async #openCursor(): Promise<Cursor> {
    if (this.#lifetime.state !== 'open') throw new AvatarError('internal', 'The idle loop is closed.');
    const decoder = await VideoDecoder.open(this.size);
    const release = this.#lifetime.defer(() => decoder.close());
    return new Cursor(decoder, (frame) => this.packet(frame).data, release);
  }
}

/** A place in the loop that a decoder has reached, with the last few pictures it passed. */
class Cursor {
  readonly close: () => Promise<void>;
  readonly #decoder: VideoDecoder;
  readonly #packet: (frame: number) => Uint8Array;
  readonly #kept = new Map<number, VideoFrame>();
  #next = 0;

  constructor(decoder: VideoDecoder, packet: (frame: number) => Uint8Array, close: () => Promise<void>) {
    this.#decoder = decoder;
    this.#packet = packet;
    this.close = close;
  }

  async picture(frame: number): Promise<VideoFrame> {
    const kept = this.#kept.get(frame);
    if (kept) return kept;
    const idr = frame - (frame % FPS);
    if (this.#next < idr || this.#next > frame) this.#next = idr;
    while (this.#next <= frame - KEPT) await this.#decoder.skip(this.#packet(this.#next++));
    for (;;) {
      const picture = await this.#step();
      if (this.#next > frame) return picture;
    }
  }

  async #step(): Promise<VideoFrame> {
    const frame = this.#next;
    const picture = await this.#decoder.decode(this.#packet(frame));
    if (!picture) throw new AvatarError('internal', `Idle frame ${String(frame)} decoded to nothing.`);
    this.#next = frame + 1;
    this.#kept.set(frame, picture);
    for (const old of this.#kept.keys()) if (this.#kept.size > KEPT) this.#kept.delete(old);
    return picture;
  }
}

const badLength = (what: string): AvatarError =>
  new AvatarError(
    'render_failed',
    `The idle loop ${what}; it must be a whole number of seconds (a multiple of ${String(FPS)} frames).`,
  );
