import { wordsOf } from './words.ts';

/** The avatar's last words that an echo can hold. */
const REMEMBERED = 120;
/** Those that the beginning of an echo can hold. */
const LATELY = 40;
/** Share of a text's words, in the order they were said, that makes it an echo. */
const MOSTLY = 0.7;
/** Fewer words than this are somebody's own: an answer often repeats a word of the question. */
const ENOUGH = 3;
/** What a word in between costs against one that fits. */
const GAP = 0.34;

/** Knows an echo by its words: what the avatar just said, come back through the microphone. */
export class HeardBack {
  #said: string[] = [];
  #asked = false;

  /** The last clause on air was a question. */
  get asked(): boolean {
    return this.#asked;
  }

  said(text: string): void {
    this.#said = [...this.#said, ...wordsOf(text)].slice(-REMEMBERED);
    this.#asked = /[?？؟]\W*$/u.test(text);
  }

  /** The words of a phrase that the avatar didn't just say: all of them, unless most are its own. */
  others(words: readonly string[]): readonly string[] {
    const { fits, from, to } = this.#align(words);
    const isEcho = fits >= ENOUGH && fits >= MOSTLY * words.length;
    return isEcho ? [...words.slice(0, from), ...words.slice(to)] : words;
  }

  /** Whether more than one word is given, and just these were said lately, one after the other. */
  includes(words: readonly string[]): boolean {
    const lately = ` ${this.#said.slice(-LATELY).join(' ')} `;
    return words.length > 1 && lately.includes(` ${words.join(' ')} `);
  }

  /** The stretch of `words` that is most like a stretch of what was said (Smith–Waterman on words). */
  #align(words: readonly string[]): { score: number; from: number; to: number; fits: number } {
    const none = { score: 0, from: 0, fits: 0 };
    let before = Array.from({ length: this.#said.length + 1 }, () => none);
    let best = { ...none, to: 0 };
    for (const [at, word] of words.entries()) {
      const row = [none];
      for (const [place, said] of this.#said.entries()) {
        const diagonal = before[place] ?? none;
        const isSame = alike(word, said);
        const start = diagonal.score > 0 ? diagonal : { ...none, from: at };
        const kept = { score: start.score + (isSame ? 1 : -GAP), from: start.from, fits: start.fits + (isSame ? 1 : 0) };
        const [up, left] = [before[place + 1] ?? none, row[place] ?? none];
        const gap = up.score >= left.score ? up : left;
        const cell = kept.score >= gap.score - GAP ? kept : { ...gap, score: gap.score - GAP };
        row.push(cell.score > 0 ? cell : none);
        if (cell.score > best.score) best = { ...cell, to: at + 1 };
      }
      before = row;
    }
    return best;
  }
}

/** Recognisers drop endings of what they hear through a room. */
const alike = (one: string, other: string): boolean =>
  one === other || (Math.min(one.length, other.length) > 2 && (one.startsWith(other) || other.startsWith(one)));
