import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '#base/files.ts';
import type { Log } from '#base/log.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { Renderer } from '#server/render/renderer.ts';
import type { Tts } from '#server/tts/tts.ts';
import type { Face } from './face.ts';
import { loadPhrase, recitingRenderer, recitingTts, savePhrase, type Phrase } from './phrase.ts';
import { Recording } from './recording.ts';

/** A text in one voice of one face. */
export interface PhraseKey {
  readonly face: Face;
  readonly voice: string | undefined;
  /** BCP 47. */
  readonly language: string;
  readonly text: string;
}

/** Who says and shows it. */
export interface Speakers {
  readonly tts: Tts;
  readonly renderer: Renderer;
}

/** Resolves when the idle loop comes to that frame, or at once if that is further away than `within` ms. */
export type Pose = (idleFrame: number, within: number) => Promise<void>;

export interface PhrasesOptions {
  readonly log: Log;
  readonly metrics: Metrics;
}

/** A renderer that takes longer than this, in seconds per second, has its pictures kept; another draws them anew, in the pose of the moment. */
const FAST_RTF = 0.9;
/** Bytes of phrases in memory. */
const MAX_HELD = 64 * 2 ** 20;
/** Kept pictures begin when the idle loop shows what they were drawn from, if that is no further away than this, ms. */
const MAX_WAIT = 4_000;

/** What avatars say word for word again and again, recorded at its first use, in memory and in the face's folder. */
export class Phrases {
  readonly #options: PhrasesOptions;
  readonly #held = new Map<string, Phrase>();

  constructor(options: PhrasesOptions) {
    this.#options = options;
  }

  /** Reads it from the disk, if it is there, so that it is at hand. */
  async load(key: PhraseKey, speakers: Speakers): Promise<void> {
    const name = nameOf(key, speakers);
    const { folder } = key.face;
    if (this.#held.has(name) || folder === undefined) return;
    const phrase = await readFile(join(folder, name)).then(loadPhrase, () => undefined);
    if (phrase) this.#hold(name, phrase);
  }

  /** Forgets what the face of that key said; its files go with its folder. */
  forget(face: string): void {
    for (const name of this.#held.keys()) if (name.startsWith(`${face}-`)) this.#held.delete(name);
  }

  /** Who says it from the cache; or says it and has it recorded, which resolves true once it was. */
  around(key: PhraseKey, speakers: Speakers, pose: Pose): Speakers & { readonly recorded: Promise<boolean> } {
    const { tts, renderer } = speakers;
    const name = nameOf(key, speakers);
    const known = this.#held.get(name);
    if (!known) return this.#record(name, key, speakers);
    this.#options.metrics.phrases.inc({ outcome: 'recited' });
    const { pictures } = known;
    const ready = (): Promise<void> => (pictures ? pose(pictures.idleFrame, MAX_WAIT) : Promise.resolve());
    return {
      tts: recitingTts(tts, known, ready),
      renderer: pictures ? recitingRenderer(renderer, pictures) : renderer,
      recorded: Promise.resolve(true),
    };
  }

  #record(name: string, key: PhraseKey, { tts, renderer }: Speakers): Speakers & { readonly recorded: Promise<boolean> } {
    const recording = new Recording(isSlow(renderer));
    return {
      tts: recording.tts(tts),
      renderer: isSlow(renderer) ? recording.renderer(renderer) : renderer,
      recorded: recording.phrase.then(async (phrase) => {
        if (phrase) await this.#keep(name, key, phrase);
        return phrase !== undefined;
      }),
    };
  }

  /** One that can't be kept is made again after the next start. */
  async #keep(name: string, { face }: PhraseKey, phrase: Phrase): Promise<void> {
    this.#hold(name, phrase);
    this.#options.metrics.phrases.inc({ outcome: 'recorded' });
    if (face.folder === undefined) return;
    await writeWhole(join(face.folder, name), savePhrase(phrase)).catch((error: unknown) => {
      this.#options.log.warn({ err: error, avatar: face.id }, 'a phrase could not be kept');
    });
  }

  #hold(name: string, phrase: Phrase): void {
    this.#held.set(name, phrase);
    let held = this.#held.values().reduce((sum, one) => sum + bytesOf(one), 0);
    for (const [other, one] of this.#held) {
      if (held <= MAX_HELD || other === name) break;
      this.#held.delete(other);
      held -= bytesOf(one);
    }
  }
}

const bytesOf = ({ clauses, pictures }: Phrase): number =>
  clauses.reduce((sum, { samples }) => sum + samples.byteLength, 0) +
  (pictures?.packets ?? []).reduce((sum, { data }) => sum + data.byteLength, 0);

export const isSlow = ({ expectedRtf }: Renderer): boolean => expectedRtf > FAST_RTF;

function nameOf({ face, voice, language, text }: PhraseKey, { tts, renderer }: Speakers): string {
  const { width, height } = renderer.geometry;
  const drawn = isSlow(renderer) ? [renderer.name, width, height] : [];
  const said = [tts.name, tts.rate, voice ?? '', language, text];
  const hash = createHash('sha256')
    .update(JSON.stringify([...said, ...drawn]))
    .digest('hex');
  return `${face.key}-${hash.slice(0, 32)}.phrase`;
}
