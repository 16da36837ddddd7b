import { Signs } from './signs.ts';
import { baseOf, spoken, wordsOf } from './words.ts';

/** How a text sounds to who waits for its end. */
export type Sense = 'finished' | 'unsure' | 'unfinished';

const set = (words: string): ReadonlySet<string> => new Set(words.split(' '));

/** English words that no clause ends with: articles, possessives, conjunctions, subjects, and prepositions that don't follow what they belong to. */
const GOES_ON = set(
  'a an the and or but because cause if when while although though unless until since than whether that which who whose my your his our their its every ' +
    "i we he she they i'm you're we're they're he's she's i'd i'll we'll you'll i've we've gonna wanna " +
    'of from into onto with without between among during against toward towards per via as at by for to in on about over under after before ' +
    'is are was were am be been have has had do does did can could will would shall should may might must very really too quite rather just also ' +
    'not maybe perhaps some any no another other more most less between',
);
/** Those of them that do end a question, an answer or an order: "what are you looking for", "I do", "log in", "I don't know who". */
const MAY_END = set(
  'of from with at by for to in on about over under after before through is are was were am be been have has had do does did can could will would shall ' +
    'should may might must very really too not no some any another other more most less that which who also just though since',
);
/** A question or an order in English begins with one of these. */
const BEGINS_CLAUSE = set(
  "what what's who who's whose whom which when when's where where's why how how's is are am was were do does did don't can can't could couldn't will won't would " +
    'should shall may have has had tell show give say play open close turn make let find explain describe read write call help start begin go come take put look ' +
    'stop wait try use set add remove send buy get keep repeat translate sing please',
);
/** What a finite English clause usually has. */
const VERBS = set(
  "is are was were am isn't aren't wasn't weren't i'm it's that's he's she's we're they're you're there's have has had haven't hasn't do does did don't doesn't didn't " +
    "can can't could will would should must like love want need think know see said say says went go goes got get gets came come comes made make makes live lives " +
    "work works worked feel feels felt mean means hope believe guess remember forgot thought wanted needed liked loved saw took takes take bought eat ate hate i'll i'd i've " +
    "won't wouldn't shouldn't couldn't sounds looks seems",
);
/** Answers that are whole as they are. */
const ANSWERS = set(
  'yes yeah yep yup no nope nah ok okay sure thanks hello hi hey bye goodbye right exactly please maybe sorry alright fine great good nothing everything ' +
    'nobody never always later tomorrow today now stop wait',
);
const TENS = set('twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million point');
const DIGITS = set('oh zero one two three four five six seven eight nine');
/** Digits in a row that make a telephone number whole. */
const WHOLE_NUMBER = 7;

const ENDS = /[.!?。！？｡؟।]["'”’»)\]」』]*$/u;
const ASKS = /[?？؟!！]["'”’»)\]」』]*$/u;
const TRAILS_OFF = /(?:\.{2,}|…|[,;:–—、，،；：]|\s-|-)["'”’»)\]]*$/u;

/**
 * Whether `text`, a turn so far, sounds finished. English is read by its last words, since recognisers put a full stop after anything;
 * other languages by punctuation, and without any it stays unsure.
 */
export class Reader {
  readonly #signs: Signs;
  readonly #isEnglish: boolean;

  constructor(language: string) {
    this.#signs = new Signs(language);
    this.#isEnglish = baseOf(language) === 'en';
  }

  sense(text: string): Sense {
    const said = spoken(text);
    const words = wordsOf(said);
    if (words.length === 0 || TRAILS_OFF.test(said)) return 'unfinished';
    if (this.#signs.isHesitation(words)) return 'unfinished';
    const ends = ENDS.test(said);
    if (!this.#isEnglish) return this.#signs.endsHesitating(words) ? 'unfinished' : ends ? 'finished' : 'unsure';
    if (ASKS.test(said)) return 'finished';
    return inEnglish(words, ends, this.#signs.endsHesitating(words));
  }
}

function inEnglish(words: readonly string[], ends: boolean, hesitates: boolean): Sense {
  const last = words.at(-1) ?? '';
  const number = numberAtEnd(words);
  if (number === 'goesOn') return ends ? 'unsure' : 'unfinished';
  if (number === 'mayGoOn') return 'unsure';
  // "I'd like it so", "he did well": words that are also hesitations, ended by who heard the tone.
  if (hesitates) return ends && /^(?:so|well|know|see|think)$/.test(last) ? 'unsure' : 'unfinished';
  const first = words[0] ?? '';
  if (GOES_ON.has(last)) {
    const whole = MAY_END.has(last) && words.length > 1 && (ends || (BEGINS_CLAUSE.has(first) && words.length > 3));
    return whole ? 'unsure' : words.length === 1 && (ANSWERS.has(last) || ends) ? 'finished' : 'unfinished';
  }
  if (ends || number === 'whole') return 'finished';
  if (words.length <= 3 && words.every((word) => ANSWERS.has(word))) return 'finished';
  const isClause = words.length > 1 && (BEGINS_CLAUSE.has(first) || words.slice(0, -1).some((word) => VERBS.has(word)));
  return isClause && (words.length > 2 || BEGINS_CLAUSE.has(first)) ? 'finished' : 'unsure';
}

/** Whether a number at the end may go on: digits one by one until there are enough, "twenty"; "47" may have been written as it came. */
function numberAtEnd(words: readonly string[]): 'none' | 'mayGoOn' | 'goesOn' | 'whole' {
  let digits = 0;
  let spelled = 0;
  for (const word of words.toReversed()) {
    if (DIGITS.has(word)) digits += 1;
    else if (/^\d+$/.test(word)) digits += word.length;
    else break;
    spelled += 1;
  }
  if (digits >= WHOLE_NUMBER) return 'whole';
  if (spelled > 1 || TENS.has(words.at(-1) ?? '')) return 'goesOn';
  return digits > 1 ? 'mayGoOn' : 'none';
}
