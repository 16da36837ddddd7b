/** What the cutter knows of languages. Unknown languages are cut at punctuation only. */

/** Written with a full stop that ends no sentence; lower case, without the last stop. */
const ABBREVIATIONS = new Set(
  (
    'mr mrs ms mx dr prof rev hon gen col capt lt sgt st ste mt ft jr sr vs etc e.g i.e cf al approx dept est fig figs no nos vol vols pp ed eds ' +
    'inc ltd co corp bros tel ext ave blvd rd min max sec hr hrs temp a.m p.m jan feb mar apr jun jul aug sept sep oct nov dec mon tue wed thu fri sat sun ' +
    'z.b d.h u.a bzw usw ca nr str m mme mlle sra dra srta ud uds pág núm p.ej sig dott ing'
  ).split(' '),
);

/** Words a new breath may be taken before. */
const CONJUNCTIONS: Readonly<Record<string, string>> = {
  en: 'and but or so because which who whose where when while that if although though unless until since then',
  de: 'und aber oder denn weil dass wenn während obwohl sondern damit als ob bevor nachdem',
  fr: 'et mais ou donc car parce que qui quand lorsque pendant puisque si alors',
  es: 'y e pero o u porque que cuando mientras aunque si donde pues sino',
  it: 'e ma o perché che quando mentre se dove anche quindi però',
  pt: 'e mas ou porque que quando enquanto se onde embora pois',
  nl: 'en maar of want omdat dat als wanneer terwijl hoewel zodat',
};

/** Words that start a phrase: a weaker place to breathe. */
const PREPOSITIONS: Readonly<Record<string, string>> = {
  en: 'in on at of for with from by about over under after before between through into during without within across to as than',
  de: 'in auf an für mit von bei über unter nach vor zwischen durch ohne aus zu zum zur im am',
  fr: 'dans sur à pour avec de du des par chez vers sans sous entre après avant en',
  es: 'en sobre a para con de del por sin entre hasta desde hacia tras según',
  it: 'in su a per con di da del della dei tra fra senza nel nella',
  pt: 'em sobre a para com de do da por sem entre até desde no na',
  nl: 'in op aan voor met van bij over onder na tussen door zonder uit naar te',
};

export interface Words {
  readonly conjunctions: readonly string[];
  readonly prepositions: readonly string[];
}

/** The joining words of a BCP 47 language; empty lists where none are known. */
export function wordsOf(language: string): Words {
  const base = language.toLowerCase().split('-')[0] ?? '';
  const list = (words: string | undefined): string[] => words?.split(' ') ?? [];
  return { conjunctions: list(CONJUNCTIONS[base]), prepositions: list(PREPOSITIONS[base]) };
}

/** True when `word`, which ends with a full stop, is an abbreviation, an initial ("J."), or letters with stops between ("U.S."). */
export function isAbbreviation(word: string): boolean {
  const bare = word.replace(/^[^\p{L}\p{N}]+/u, '');
  if (/^(?:\p{Lu}\.)+$/u.test(bare)) return bare !== 'I.';
  return ABBREVIATIONS.has(bare.slice(0, -1).toLowerCase());
}

const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/gu;

/** How many words a voice will say, about: runs between spaces, and two characters to a word in scripts without spaces. */
export function countWords(text: string): number {
  const unspaced = text.match(UNSPACED)?.length ?? 0;
  const spaced = unspaced > 0 ? text.replace(UNSPACED, ' ') : text;
  return (spaced.match(/\S*[\p{L}\p{N}]\S*/gu)?.length ?? 0) + unspaced / 2;
}

/** True when a voice has something to say: a letter or a number. */
export const hasVoice = (text: string): boolean => /[\p{L}\p{N}]/u.test(text);
