/** A word that may not be at its end yet, in scripts that put spaces between words. Longer runs are no words. */
const UNFINISHED =
  /[^\s\p{P}\p{S}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}][^\s\p{P}\p{S}]{0,39}$/u;

/** Holds the last word back until it is known to be whole, so that an answer that is cut off never leaves half a word. */
export async function* wholeWords(pieces: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let held = '';
  for await (const piece of pieces) {
    const text = held + piece;
    const at = text.search(UNFINISHED);
    held = at < 0 ? '' : text.slice(at);
    yield at < 0 ? text : text.slice(0, at);
  }
  yield held;
}
