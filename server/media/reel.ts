import { deserialize, serialize } from 'node:v8';
import { z } from 'zod';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import { TICKS_PER_FRAME, type Size, type VideoFrame } from '#base/media.ts';
import { VideoDecoder } from './decoder.ts';
import { VideoEncoder, type EncodedPicture } from './encoder.ts';
import { InTurn } from './in-turn.ts';
import { thumbnail } from './thumbnails.ts';

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
    .refine(([first]) => first?.packet.keyframe === true),
});
type Saved = { readonly size: Size; readonly stored: readonly Stored[] };

export interface ReelOptions extends Size {
  /** Where a stream may begin; the first picture always is one. */
  readonly isKeyframe: (frame: number) => boolean;
  /** Frames that are too many. */
  readonly most: number;
}

/** Pictures that were encoded once, to be sent again and again. Holds packets and thumbnails only; pictures are decoded when asked for. Frame numbers beyond its end (or negative) wrap round it. */
export class Reel {
  readonly size: Size;
  readonly frames: number;
  readonly #stored: readonly Stored[];
  readonly #lifetime = new Lifetime();
  readonly #turns = new InTurn();
  #cursor: Promise<Cursor> | undefined;

  private constructor(size: Size, stored: readonly Stored[]) {
    this.size = size;
    this.frames = stored.length;
    this.#stored = stored;
  }

  /** Rejects with `render_failed` when there are none or too many pictures or one of another size, and with the signal's reason when it aborts. */
  static async build(
    pictures: AsyncIterable<VideoFrame>,
    { width, height, isKeyframe, most }: ReelOptions,
    signal: AbortSignal,
  ): Promise<Reel> {
    const size = { width, height };
    const encoder = await VideoEncoder.open(size);
    try {
      const stored: Stored[] = [];
      for await (const picture of pictures) {
        signal.throwIfAborted();
        const frame = stored.length;
        if (frame === most)
          throw new AvatarError('render_failed', `What an avatar looks like in silence goes on after ${String(most)} frames.`);
        const packet = await encoder.encode(picture, frame * TICKS_PER_FRAME, isKeyframe(frame));
        stored.push({ packet, thumbnail: thumbnail(picture) });
      }
      signal.throwIfAborted();
      if (stored.length === 0) throw new AvatarError('render_failed', 'What an avatar looks like in silence has 0 frames.');
      return new Reel(size, stored);
    } finally {
      await encoder.close();
    }
  }

  /** As bytes that `load` reads. */
  save(): Uint8Array {
    return serialize({ size: this.size, stored: this.#stored } satisfies Saved);
  }

  /** A saved reel, or undefined when the bytes are none, or one of another size. */
  static load(bytes: Uint8Array, { width, height }: Size): Reel | undefined {
    try {
      const { size, stored } = Saved.parse(deserialize(bytes));
      return size.width === width && size.height === height ? new Reel(size, stored) : undefined;
    } catch {
      return undefined;
    }
  }

  packet(frame: number): EncodedPicture {
    return this.#at(frame).packet;
  }

  thumbnail(frame: number): Uint8Array {
    return this.#at(frame).thumbnail;
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

  close(): Promise<void> {
    return this.#lifetime.close('closed');
  }

  #wrap(frame: number): number {
    return ((frame % this.frames) + this.frames) % this.frames;
  }

  #at(frame: number): Stored {
    const stored = this.#stored[this.#wrap(frame)];
    if (!stored) throw new AvatarError('internal', `There is no stored frame ${String(frame)}; frame numbers are integers.`);
    return stored;
  }

  async #openCursor(): Promise<Cursor> {
    if (this.#lifetime.state !== 'open') throw new AvatarError('internal', 'The stored pictures are closed.');
    const decoder = await VideoDecoder.open(this.size);
    const release = this.#lifetime.defer(() => decoder.close());
    return new Cursor(decoder, (frame) => this.packet(frame), release);
  }
}

/** A place in the reel that a decoder has reached, with the last few pictures it passed. */
class Cursor {
  readonly close: () => Promise<void>;
  readonly #decoder: VideoDecoder;
  readonly #packet: (frame: number) => EncodedPicture;
  readonly #kept = new Map<number, VideoFrame>();
  #next = 0;

  constructor(decoder: VideoDecoder, packet: (frame: number) => EncodedPicture, close: () => Promise<void>) {
    this.#decoder = decoder;
    this.#packet = packet;
    this.close = close;
  }

  async picture(frame: number): Promise<VideoFrame> {
    const kept = this.#kept.get(frame);
    if (kept) return kept;
    let idr = frame;
    while (!this.#packet(idr).keyframe) idr -= 1;
    if (this.#next < idr || this.#next > frame) this.#next = idr;
    while (this.#next <= frame - KEPT) await this.#decoder.skip(this.#packet(this.#next++).data);
    for (;;) {
      const picture = await this.#step();
      if (this.#next > frame) return picture;
    }
  }

  async #step(): Promise<VideoFrame> {
    const frame = this.#next;
    const picture = await this.#decoder.decode(this.#packet(frame).data);
    if (!picture) throw new AvatarError('internal', `Stored frame ${String(frame)} decoded to nothing.`);
    this.#next = frame + 1;
    this.#kept.set(frame, picture);
    for (const old of this.#kept.keys()) if (this.#kept.size > KEPT) this.#kept.delete(old);
    return picture;
  }
}
