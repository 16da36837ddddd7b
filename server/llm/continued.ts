/**
 * What `pieces`, an answer begun again in whole words, adds to `said`, what there was of it when it was cut off. Where it repeats the end of
 * `said`, or all of it, those words are left out; a space is put between words that would run together.
 */
export async function* continued(pieces: AsyncIterable<string>, said: string): AsyncGenerator<string, void, undefined> {
  const tails = wordStarts(said).map((at) => said.slice(at).trimEnd());
  let begun: string | undefined = '';
  for await (const piece of pieces) {
    if (begun === undefined) {
      yield piece;
      continue;
    }
    begun += piece;
    if (mayStillRepeat(begun.trimStart(), tails)) {
      // A sign of life.
      yield '';
      continue;
    }
    yield joined(said, begun, tails);
    begun = undefined;
  }
  if (begun !== undefined) yield joined(said, begun, tails);
}

/** Where words begin in `text`, its own beginning first. */
const wordStarts = (text: string): number[] => [...text.matchAll(/(?<=^|[^\p{L}\p{N}])[\p{L}\p{N}]/gu)].map(({ index }) => index);

/** Compared without regard to case: a sentence begun again has a capital. */
const mayStillRepeat = (text: string, tails: readonly string[]): boolean =>
  tails.some((tail) => tail.length >= text.length && tail.toLowerCase().startsWith(text.toLowerCase()));

function joined(said: string, text: string, tails: readonly string[]): string {
  const trimmed = text.trimStart();
  const repeated = tails.find((tail) => startsWithWords(trimmed, tail));
  const rest = repeated === undefined ? text : trimmed.slice(repeated.length);
  const runsTogether = SPACED_END.test(said) && SPACED_START.test(rest);
  if (/\s$/.test(said)) return rest.trimStart();
  return runsTogether ? ` ${rest}` : rest;
}

const SPACED_END = /[^\s\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]$/u;
const SPACED_START = /^(?![\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}])[\p{L}\p{N}]/u;

const startsWithWords = (text: string, words: string): boolean =>
  text.toLowerCase().startsWith(words.toLowerCase()) && !/^[\p{L}\p{N}]/u.test(text.slice(words.length));
