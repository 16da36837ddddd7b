import { breaks, type Break, type Kind } from './breaks.ts';
import { countWords, type Words } from './words.ts';

/** A first clause this short starts the voice early and still sounds like one breath. */
const FIRST_WORDS = { least: 3, most: 8 };
/** A breath before "and" comes later than one at a comma. */
const LEAST_BEFORE_CONJUNCTION = 4;
/** A sentence of one word joins the next. */
const LEAST_SENTENCE_WORDS = 2;
/** Longer sentences are cut inside, characters (about 12 s of speech). */
const LONG = 180;
/** A run without any space is cut here at the latest, characters. */
const HARD = 400;
/** Text that must follow before a run is cut hard, so that words and graphemes there are whole. */
const BEYOND = 64;
/** Never looks further than this, so that a megabyte of text costs no more per cut than a page. */
const LOOK = 1_024;

/**
 * Where the clause at the start of `text` ends, as a length, or undefined while that can't be told yet.
 * A function of the text alone: more text never changes an answer once given.
 */
export function cut(text: string, first: boolean, words: Words, ended: boolean): number | undefined {
  const head = wholeCharacters(text.slice(0, LOOK));
  const full = text.length > LOOK;
  const all = ended && !full;
  let fallback: Break | undefined;
  for (const next of breaks(head, words, all || full)) {
    if (next.at > HARD) return fallback?.at ?? cutHard(head);
    if (next.kind === 'undecided') return undefined;
    const count = countWords(head.slice(0, next.at));
    if (count === 0) continue;
    const verdict = first ? judgeFirst(next, next.kind, count, fallback) : judge(next, next.kind, count, fallback);
    if (verdict === 'cut') return next.at;
    if (verdict === 'fall back' && fallback) return fallback.at;
    if (verdict === 'remember') fallback = better(fallback, next);
  }
  if (head.length >= HARD + BEYOND || (all && head.length > HARD)) return fallback?.at ?? cutHard(head);
  if (!all || head.length === 0) return undefined;
  return !first && head.length > LONG && fallback ? fallback.at : head.length;
}

type Verdict = 'cut' | 'fall back' | 'remember' | 'go on';

/** As early as it sounds natural: at punctuation or before a joining word, else before a preposition, else after eight words. */
function judgeFirst(next: Break, kind: Kind, count: number, fallback: Break | undefined): Verdict {
  if (kind === 'line') return 'cut';
  if (count > FIRST_WORDS.most && fallback) return 'fall back';
  if (count >= FIRST_WORDS.least && (kind === 'sentence' || kind === 'phrase')) return 'cut';
  if (count >= LEAST_BEFORE_CONJUNCTION && kind === 'conjunction') return 'cut';
  if (count >= FIRST_WORDS.most) return better(fallback, next) === next ? 'cut' : 'fall back';
  return count >= FIRST_WORDS.least || kind === 'sentence' ? 'remember' : 'go on';
}

/** At the end of the sentence; a long one at its last phrase, joining word or space before `LONG`. */
function judge(next: Break, kind: Kind, count: number, fallback: Break | undefined): Verdict {
  if (next.at > LONG) return fallback ? 'fall back' : 'cut';
  if (kind === 'line' || (kind === 'sentence' && count >= LEAST_SENTENCE_WORDS)) return 'cut';
  return count >= LEAST_BEFORE_CONJUNCTION || kind === 'sentence' ? 'remember' : 'go on';
}

const RANK: Record<Break['kind'], number> = {
  undecided: -1,
  word: 0,
  preposition: 1,
  conjunction: 2,
  phrase: 3,
  sentence: 4,
  line: 5,
};

/** The stronger of two breaks; of equals, the later. */
const better = (one: Break | undefined, other: Break): Break => (one && RANK[one.kind] > RANK[other.kind] ? one : other);

/** No space for `HARD` characters: after the last whole word there, else the last whole grapheme. */
function cutHard(head: string): number {
  const stretch = head.slice(0, HARD + BEYOND);
  for (const granularity of ['word', 'grapheme'] as const) {
    const starts = [...new Intl.Segmenter(undefined, { granularity }).segment(stretch)].map((segment) => segment.index);
    const last = starts.filter((index) => index > HARD / 2 && index <= HARD).at(-1);
    if (last !== undefined) return last;
  }
  return wholeCharacters(stretch.slice(0, HARD)).length;
}

/** Without the first half of a surrogate pair whose other half hasn't come. */
const wholeCharacters = (text: string): string => (/[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text);
