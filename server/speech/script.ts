import { speakable } from './speakable.ts';
import { hasVoice } from './words.ts';

/** Looked so far ahead for a word that is said otherwise than it is written, letters. */
const AHEAD = 40;
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;

/** A clause's words as they are written, and as they are spoken: each spoken one, and each letter of it, belongs to a written one. */
export interface Script {
  /** With their punctuation, in the order and the spelling of the text. */
  readonly written: readonly string[];
  readonly spoken: readonly { readonly text: string; readonly of: number }[];
  /** For each letter and digit of the spoken text the written word it belongs to. */
  readonly letters: readonly number[];
}

/**
 * @param text as it was written
 * @param said as the voice was given it
 */
export function scriptOf(text: string, said: string, language: string): Script {
  const written = writtenWords(text, language);
  const all = lettersIn(said);
  const letters: number[] = [];
  written.forEach((word, of) => {
    const own = lettersIn(speakable(word.replace(/\]\([^)]*\)?/, ''), language));
    const at = own === '' ? -1 : all.indexOf(own, letters.length);
    const end = at < 0 || at > letters.length + AHEAD ? letters.length + own.length : at + own.length;
    // What stands before it, and in no word, belongs to the word before.
    while (letters.length < Math.min(end, all.length)) letters.push(at >= 0 && letters.length < at ? Math.max(0, of - 1) : of);
  });
  while (letters.length < all.length) letters.push(Math.max(0, written.length - 1));
  let passed = 0;
  const spoken = writtenWords(said, language).map((word) => {
    const of = letters[passed] ?? 0;
    passed += lettersIn(word).length;
    return { text: word, of };
  });
  return { written, spoken, letters };
}

/** Only what is heard of a text. */
export const lettersIn = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** What stands between spaces and has something to say; in scripts without spaces the words a dictionary finds. */
function writtenWords(text: string, language: string): string[] {
  return text
    .split(/\s+/u)
    .filter(hasVoice)
    .flatMap((run) => (UNSPACED.test(run) ? segments(run, language) : [run]));
}

function segments(run: string, language: string): string[] {
  const words: string[] = [];
  for (const { segment } of new Intl.Segmenter(language, { granularity: 'word' }).segment(run)) {
    const last = words.length - 1;
    if (hasVoice(segment) || last < 0) words.push(segment);
    else words[last] = `${words[last] ?? ''}${segment}`;
  }
  return words.filter(hasVoice);
}
