import { isAbbreviation, type Words } from './words.ts';

export type Kind = 'line' | 'sentence' | 'phrase' | 'conjunction' | 'preposition' | 'word';

/** A place where text may be cut; `undecided` where more text could still say otherwise. */
export interface Break {
  /** Length of the text before it. */
  readonly at: number;
  readonly kind: Kind | 'undecided';
}

/** A space that doesn't carry a combining mark (which would make it part of a grapheme) and isn't a no-break space. */
const SPACES = String.raw`[^\S\u00a0\u202f\u2007\ufeff]+(?![\p{M}\u200d])`;
const MARKS = String.raw`[\p{M}\u200d]*`;
/** East Asian punctuation and dashes end something without a space after them. */
const WITHOUT_SPACE = String.raw`(?:[。！？；、，：｡､]|(?<=\p{L})—)${MARKS}(?:[。！？…」』）】》〉”’"'—]${MARKS})*`;
const PLACES = new RegExp(`(?<spaces>${SPACES})|${WITHOUT_SPACE}`, 'gu');

/** What may stand between the end of a sentence and the space: quotes, brackets, markdown, direction marks. */
const CLOSERS = /["'”’»›)\]}*_`~」』\u200e\u200f\u202a-\u202e\u2066-\u2069]+$/u;
/** What may stand before the first letter of a sentence. */
const OPENERS = /^["'“‘«(¿¡*_`]*/u;
const SENTENCE_END = /[.!?…؟۔।॥‼⁉。！？｡]$/u;
const PHRASE_END = /(?:[,;:،؛、，；：､—–]|\s-{1,2})$/u;
const LIST_MARKER = /(?:^|\n)\s*(?:\d{1,3}|\p{L})[.)]$/u;
const EMOJI_RUN = /^(?:\s*[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\p{M}\u200d\u{E0020}-\u{E007F}]+)+/u;

/**
 * The places where `text` may be cut, in order. Each is decided by what follows it; the first that more text could still change is
 * `undecided` and the last. So the same text has the same breaks, whatever its chunking. `ended` says that no more text will come.
 */
export function* breaks(text: string, words: Words, ended: boolean): Generator<Break> {
  for (const match of text.matchAll(PLACES)) {
    const end = match.index + match[0].length;
    const open = end === text.length && !ended;
    const isSpace = match.groups?.['spaces'] !== undefined;
    const kind = open ? 'undecided' : isSpace ? kindOfSpace(text, match.index, end, words, ended) : kindOfMark(match[0]);
    if (kind === 'none') continue;
    const at = isSpace ? match.index : end;
    const found: Break = kind === 'sentence' ? withEmoji(text, at, ended) : { at, kind };
    yield found;
    if (found.kind === 'undecided') return;
  }
}

function kindOfSpace(text: string, start: number, end: number, words: Words, ended: boolean): Break['kind'] | 'none' {
  const before = text.slice(0, start);
  if (text.slice(start, end).includes('\n')) return 'line';
  const after = text.slice(end);
  if (!ended && OPENERS.exec(after)?.[0] === after) return 'undecided';
  if (insideLink(before)) return 'none';
  if (endsSentence(before, after)) return 'sentence';
  if (PHRASE_END.test(before.replace(CLOSERS, ''))) return 'phrase';
  return kindOfWord(after, words, ended);
}

const kindOfMark = (mark: string): Kind => (/[。！？｡]/u.test(mark) ? 'sentence' : 'phrase');

function endsSentence(before: string, after: string): boolean {
  const bare = before.replace(CLOSERS, '');
  if (!SENTENCE_END.test(bare)) return false;
  if (/^\p{Ll}/u.test(after.replace(OPENERS, ''))) return false;
  if (!bare.endsWith('.') || bare.endsWith('..')) return true;
  return !LIST_MARKER.test(bare) && !isAbbreviation(/\S+$/u.exec(bare)?.[0] ?? '');
}

/** Emoji after a sentence belong to it, so that no clause is left with nothing to say. */
function withEmoji(text: string, start: number, ended: boolean): Break {
  const run = EMOJI_RUN.exec(text.slice(start))?.[0].length ?? 0;
  const open = run > 0 && text.slice(start + run).trim() === '' && !ended;
  return open ? { at: start, kind: 'undecided' } : { at: start + run, kind: 'sentence' };
}

function kindOfWord(after: string, words: Words, ended: boolean): Break['kind'] {
  const next = /^\S*/u.exec(after)?.[0] ?? '';
  const complete = ended || next.length < after.length;
  const word = next.toLowerCase();
  const joining = [...words.conjunctions, ...words.prepositions];
  if (!complete) return joining.some((other) => other.startsWith(word)) ? 'undecided' : 'word';
  if (words.conjunctions.includes(word)) return 'conjunction';
  return words.prepositions.includes(word) ? 'preposition' : 'word';
}

/** True within the words of a markdown link, which must stay whole to be read. */
const insideLink = (before: string): boolean => /\[[^\]\n]{0,80}$/u.test(before);
