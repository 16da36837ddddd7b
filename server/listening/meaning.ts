import { HeardBack } from './heard-back.ts';
import type { Phrase } from './phrases.ts';
import { Signs } from './signs.ts';
import { wordsOf } from './words.ts';

/** What a phrase is, as far as its text tells: `unknown` until there is one, and while a single word may still become another. */
export type Meaning = 'unknown' | 'noise' | 'echo' | 'backchannel' | 'command' | 'speech';

/** Reads phrases in the light of what the avatar is doing. */
export class Listener {
  readonly #signs: Signs;
  readonly #heardBack = new HeardBack();

  constructor(language: string) {
    this.#signs = new Signs(language);
  }

  /** The avatar's clauses as they go on air. */
  said(text: string): void {
    this.#heardBack.said(text);
  }

  /** `replying`: a reply is on its way or on air now. */
  meaning({ text, final, overReply, overVoice, cutIn }: Phrase, replying: boolean): Meaning {
    const words = wordsOf(text);
    if (words.length === 0) return final ? 'noise' : 'unknown';
    const own = overVoice ? this.#heardBack.others(words) : words;
    // The first words of what may become a whole sentence of its own.
    if (overVoice && !final && this.#heardBack.includes(words)) return 'echo';
    if (own.length < words.length) return (replying || cutIn) && this.#signs.commands(own) ? 'command' : 'echo';
    if ((replying || cutIn) && this.#signs.isCommand(words)) return 'command';
    // Said into the end of a question it is an answer; once the reply has ended for it, it is all there is to go on from.
    if (overReply && !cutIn && (replying || !this.#heardBack.asked) && this.#signs.isBackchannel(words)) return 'backchannel';
    return final || words.length > 1 ? 'speech' : 'unknown';
  }

  /** Whether a whole turn holds nothing to answer: hums that don't answer a question. */
  isEmpty(text: string): boolean {
    return !this.#heardBack.asked && this.#signs.isHum(wordsOf(text));
  }
}
