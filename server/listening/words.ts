/** What recognisers write for sounds without words: [cough], (laughs), <noise>, *sighs*, ♪. */
const NOT_SAID = /\[[^\]]*\]|\([^)]*\)|<[^>]*>|\*[^*]*\*|♪/gu;
/** Scripts that put no spaces between words: each character stands for one. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/gu;

/** What of a transcript was said in words. */
export const spoken = (text: string): string => text.replace(NOT_SAID, ' ').trim();

/** The words of a transcript, lower case, without punctuation: two texts with the same words say the same. */
export function wordsOf(text: string): string[] {
  const plain = spoken(text).normalize('NFKC').toLowerCase().replace(/[’‘]/g, "'").replace(UNSPACED, ' $& ');
  return plain.match(/[\p{L}\p{M}\p{N}]+(?:'[\p{L}\p{M}\p{N}]+)*/gu) ?? [];
}

/** A text's words in one line. */
export const sayingOf = (text: string): string => wordsOf(text).join(' ');

/** The language without its region, lower case. */
export const baseOf = (language: string): string => language.toLowerCase().split(/[-_]/, 1)[0] ?? '';

/** Words that the longest known saying has, at least. */
const LONGEST = 8;

/** How many of `words` from `at` on are a saying of `known`; 0 for none. */
export function sayingAt(words: readonly string[], at: number, known: ReadonlySet<string>): number {
  for (let count = Math.min(LONGEST, words.length - at); count > 0; count -= 1)
    if (known.has(words.slice(at, at + count).join(' '))) return count;
  return 0;
}

/** Whether `words` are nothing but sayings of `known`, one after the other. */
export function areOnly(words: readonly string[], known: ReadonlySet<string>): boolean {
  let at = 0;
  while (at < words.length) {
    const count = sayingAt(words, at, known);
    if (count === 0) return false;
    at += count;
  }
  return words.length > 0;
}
