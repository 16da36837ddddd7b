import {
  FPS,
  TICKS_PER_FRAME,
  type Character,
  type Clause,
  type DrawnFrame,
  type PcmChunk,
  type Size,
  type Window,
} from '#base/media.ts';
import { VideoEncoder, type EncodedPicture } from '#server/media/encoder.ts';
import type { Renderer, RenderRequest } from '#server/render/renderer.ts';
import type { Tts } from '#server/tts/tts.ts';
import { aside, type Phrase } from './phrase.ts';

/** Pictures are kept at a quality that bears being encoded once more, bit/s. */
const BITRATE = 4_000_000;
/** The longest phrase whose pictures are kept, frames. */
const MAX_PICTURES = 60 * FPS;

/** Listens while a text is said and, where its pictures are wanted, looks on while it is drawn. */
export class Recording {
  /** The phrase once it was said to its end, and drawn; undefined once it is over without. */
  readonly phrase: Promise<Phrase | undefined>;
  readonly #resolve: (phrase: Phrase | undefined) => void;
  readonly #clauses: { readonly clause: Clause; readonly parts: Int16Array[]; readonly characters: Character[] }[] = [];
  readonly #packets: EncodedPicture[] = [];
  #idleFrame = 0;
  #frames = 0;
  #missing: Set<'sound' | 'pictures'>;

  constructor(pictures: boolean) {
    this.#missing = new Set(pictures ? ['sound', 'pictures'] : ['sound']);
    const { promise, resolve } = Promise.withResolvers<Phrase | undefined>();
    this.phrase = promise;
    this.#resolve = resolve;
  }

  tts(tts: Tts): Tts {
    return {
      name: tts.name,
      rate: tts.rate,
      synthesize: (clauses, voice, signal, spend) => this.#listen(tts.synthesize(clauses, voice, signal, spend), signal),
    };
  }

  renderer(renderer: Renderer): Renderer {
    const { width, height } = renderer.geometry;
    return {
      ...aside(renderer),
      expectedRtf: renderer.expectedRtf,
      render: (windows, request, signal, watch) =>
        this.#look(renderer.render(this.#count(windows, request), request, signal, watch), { width, height }, signal),
    };
  }

  async *#listen(sound: AsyncIterable<PcmChunk>, signal: AbortSignal): AsyncGenerator<PcmChunk, void, undefined> {
    try {
      for await (const chunk of sound) {
        this.#note(chunk);
        yield chunk;
      }
      if (!signal.aborted) this.#missing.delete('sound');
    } finally {
      this.#ended(undefined);
    }
  }

  #note({ clause, samples, characters = [] }: PcmChunk): void {
    const last = this.#clauses.at(-1);
    const known = last?.clause.index === clause.index ? last : undefined;
    const said = known ?? { clause, parts: [], characters: [] };
    if (!known) this.#clauses.push(said);
    said.parts.push(samples.slice());
    said.characters.push(...characters);
  }

  async *#count(windows: AsyncIterable<Window>, request: RenderRequest): AsyncGenerator<Window, void, undefined> {
    for await (const window of windows) {
      if (window.index === 0) this.#idleFrame = request.idleFrame;
      this.#frames = window.startFrame + window.freshFrames;
      yield window;
    }
  }

  async *#look(frames: AsyncIterable<DrawnFrame>, size: Size, signal: AbortSignal): AsyncGenerator<DrawnFrame, void, undefined> {
    const encoder = await VideoEncoder.open({ ...size, bitrate: BITRATE });
    try {
      for await (const drawn of frames) {
        const at = this.#packets.length;
        if (drawn.frame === at && at < MAX_PICTURES)
          this.#packets.push(await encoder.encode(drawn.picture, at * TICKS_PER_FRAME, at === 0));
        yield drawn;
      }
      if (!signal.aborted && this.#packets.length === this.#frames) this.#missing.delete('pictures');
    } finally {
      await encoder.close();
      this.#ended(size);
    }
  }

  /** Sound and pictures end in any order; what comes last decides. */
  #ended(size: Size | undefined): void {
    if (this.#missing.size === 0) return this.#resolve(this.#whole(size));
    if (!this.#missing.has('sound') && size === undefined) return;
    this.#resolve(undefined);
  }

  #whole(size: Size | undefined): Phrase {
    const clauses = this.#clauses.map(({ clause, parts, characters }) => ({
      text: clause.text,
      samples: concat(parts),
      ...(characters.length > 0 ? { characters } : {}),
    }));
    const pictures = size && { idleFrame: this.#idleFrame, size, packets: this.#packets };
    return { clauses, ...(pictures ? { pictures } : {}) };
  }
}

function concat(parts: readonly Int16Array[]): Int16Array {
  const whole = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
