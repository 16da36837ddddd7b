import type { Clause, PcmChunk } from '#base/media.ts';
import type { Spend } from '#base/usage.ts';

export interface Voice {
  /** The provider's voice id; undefined = its default. */
  readonly voice?: string | undefined;
  /** BCP 47. */
  readonly language: string;
}

/**
 * Text to speech. Every provider yields mono s16 at its one declared `rate`, clause after clause in order, with exact sample counts:
 * each clause ends with a chunk whose `endOfClause` is true, also when it has no sound. The next clause is asked for while the last is spoken.
 * One that costs something tells `spend` what was used.
 */
export interface Tts {
  readonly name: string;
  /** Hz. */
  readonly rate: number;
  synthesize(clauses: AsyncIterable<Clause>, voice: Voice, signal: AbortSignal, spend?: Spend): AsyncIterable<PcmChunk>;
}
