import { i420Bytes, type Size, type VideoFrame } from '#base/media.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { PictureFormat, ToServer } from '#protocol/frame-link.ts';
import { PictureDecoder } from './decoding.ts';
import { lost } from './lost.ts';
import { cut } from './message.ts';
import { Scaler } from './scaling.ts';

type Frames = Extract<ToServer, { type: 'frames' }>;

/** Pictures as a worker sends them, back to I420, for one utterance. */
export class Pictures {
  readonly #life = new Lifetime();
  readonly #decoders = new Map<PictureFormat, Promise<PictureDecoder>>();
  readonly #scalers = new Map<string, Scaler>();
  /** What was asked for last; decoders and scalers do one thing after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** In the size they were drawn in. Rejects with a loss when they are not what is said of them. */
  async *read({ format, sizes, width, height }: Frames, payload: Uint8Array): AsyncGenerator<VideoFrame, void, undefined> {
    for (const bytes of cut(payload, sizes)) {
      if (format === 'i420' && bytes.length !== i420Bytes({ width, height }))
        throw lost('wrong', 'sent a picture of another size');
      // A copy, since it waits for its instant and the message holds many.
      if (format === 'i420') yield { width, height, data: Uint8Array.from(bytes) };
      else yield await this.#run(async () => (await this.#decoder(format)).decode(bytes, { width, height }));
    }
  }

  async scale(picture: VideoFrame, size: Size): Promise<VideoFrame> {
    const key = `${size.width}x${size.height}`;
    const scaler = this.#scalers.get(key) ?? new Scaler(size);
    this.#scalers.set(key, scaler);
    return this.#run(() => scaler.scale(picture));
  }

  /** Waits for what is being decoded, then frees everything. Never rejects: what could not be opened needs no closing. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    for (const scaler of this.#scalers.values()) await scaler.close();
    await this.#life.close('closed').catch(() => undefined);
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      if (this.#closed) throw new AvatarError('render_failed', 'Nobody wants this picture any more.');
      return work();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #decoder(format: 'jpeg' | 'h264'): Promise<PictureDecoder> {
    const known = this.#decoders.get(format);
    if (known) return known;
    const opening = PictureDecoder.open(format);
    this.#decoders.set(format, opening);
    this.#life.defer(async () => (await opening).close());
    return opening;
  }
}
