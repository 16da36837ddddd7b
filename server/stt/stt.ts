import type { Spend } from '#base/usage.ts';

/** A word and when it is heard, in ms from the phrase's first sample. */
export interface Word {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** What a phrase is understood as so far; the next one takes its place. */
export interface Transcript {
  /** '' where no word was understood. */
  readonly text: string;
  readonly final: boolean;
  /** Only of final ones, and only from recognisers that tell. */
  readonly words?: readonly Word[] | undefined;
}

/** Hz, of what recognisers hear. */
export const STT_RATE = 16_000;

/**
 * Speech to text, phrase by phrase. `pcm` is a phrase as it is spoken, mono s16 at 16 kHz; it is read at once, and the phrase is over when it ends.
 * Yields what is understood meanwhile, which may be revised, and one final transcript last, unless `signal` aborts: that ends it quietly and frees
 * its connection or process. One that costs something tells `spend` what was used.
 * @throws AvatarError `provider_failed`
 */
export interface Stt {
  readonly name: string;
  transcribe(pcm: AsyncIterable<Int16Array>, language: string, signal: AbortSignal, spend?: Spend): AsyncIterable<Transcript>;
  /** A phrase in `language` (BCP 47) may come soon: what takes long to open is opened now, and again after each phrase. */
  prepare(language: string): void;
  close(reason: string): Promise<void>;
}
