import type { Clause, PcmChunk } from '#base/media.ts';
import { hasVoice } from './words.ts';

/** English for what a voice can't read from a sign; in other languages signs are left to the provider. */
const SIGNS: readonly (readonly [RegExp, string])[] = [
  [/(?<=\d)\s?°\s?C\b/g, ' degrees Celsius'],
  [/(?<=\d)\s?°\s?F\b/g, ' degrees Fahrenheit'],
  [/(?<=\d)\s?°/g, ' degrees'],
  [/(?<=\d)\s?%/g, ' percent'],
  [/€\s?(\d[\d,.]*\d|\d)/g, '$1 euros'],
  [/£\s?(\d[\d,.]*\d|\d)/g, '$1 pounds'],
  [/(?<=\d)\s?€/g, ' euros'],
  [/(?<=\d)\s?£/g, ' pounds'],
  [/(?<=\d)\s*[×]\s*(?=\d)/g, ' times '],
  [/(?<=\d)\s*\+\s*(?=\d)/g, ' plus '],
  [/(?<=[\w)])\s*=\s*(?=[\w(])/g, ' equals '],
  [/#(?=\d)/g, 'number '],
  [/&/g, ' and '],
  [/~(?=\d)/g, 'about '],
];

const URL_LIKE = /\b(?:(?:https?|wss?|ftp):\/\/|www\.)[^\s<>"'”’)\]]+/giu;
const EMAIL = /\b[\p{L}\p{N}._%+-]+@[\p{L}\p{N}.-]+\.\p{L}{2,}\b/gu;
const EMOJI = /[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\u200d\ufe0f\u20e3\u{E0020}-\u{E007F}]+/gu;
/** An address's path longer than this is left out, characters. */
const LONGEST_PATH = 24;

/**
 * What a voice says for `text`: without markdown and emoji, addresses and signs in words. '' when there is nothing to say.
 * @param language BCP 47; signs become words in English only.
 */
export function speakable(text: string, language = 'en'): string {
  const english = /^en\b/i.test(language);
  const plain = withoutMarkdown(text).replace(URL_LIKE, address(english)).replace(EMAIL, mailbox(english)).replace(EMOJI, ' ');
  const worded = english
    ? SIGNS.reduce((words, [sign, word]) => words.replace(sign, word), plain.replace(/(?<=\d),(?=\d{3}\b)/g, ''))
    : plain;
  const said = worded
    .replace(/(?<=[\p{L}\p{N}])_+(?=[\p{L}\p{N}])/gu, ' ')
    .replace(/[*_`~^|<>{}\\]+/g, ' ')
    .replace(/\s+/g, ' ')
    .replace(/ (?=[,.;:!?])/g, '')
    .trim();
  return hasVoice(said) ? said : '';
}

function withoutMarkdown(text: string): string {
  return text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/^\s*(?:```|~~~).*$/gm, ' ')
    .replace(/^\s*(?:#{1,6}|>+|[-*+•])\s+/gm, '')
    .replace(/^\s*(\d{1,3})[.)]\s+/gm, '$1, ')
    .replace(/(\*{1,3}|_{2,3}|~~|`+)(?=\S)(.+?)(?<=\S)\1/g, '$2')
    .replace(/(?<![\p{L}\p{N}])_(?=\S)([^_]+?)(?<=\S)_(?![\p{L}\p{N}])/gu, '$1')
    .replace(/<\/?[a-z][^>]{0,80}>/gi, ' ');
}

const address =
  (english: boolean) =>
  (found: string): string => {
    const end = /[.,;:!?]*$/.exec(found)?.[0] ?? '';
    const whole = found
      .slice(0, found.length - end.length)
      .replace(/^[a-z]+:\/\//i, '')
      .replace(/^www\./i, '');
    const [host = '', ...path] = whole.split(/[?#]/)[0]?.split('/').filter(Boolean) ?? [];
    const spoken = path.join('/').length <= LONGEST_PATH ? [host, ...path] : [host];
    return (english ? dotted(spoken.join(' slash ')) : spoken.join(' ')) + end;
  };

const mailbox =
  (english: boolean) =>
  (found: string): string =>
    english ? dotted(found.replace('@', ' at ')) : found;

const dotted = (name: string): string => name.replace(/\./g, ' dot ').replace(/:(\d)/g, ' port $1').replace(/-/g, ' dash ');

/** The clauses as the voice gets them; `originals` remembers what captions show. */
export async function* aloud(
  clauses: AsyncIterable<Clause>,
  language: string,
  originals: Map<number, Clause>,
): AsyncGenerator<Clause, void, undefined> {
  for await (const clause of clauses) {
    originals.set(clause.index, clause);
    yield { index: clause.index, text: speakable(clause.text, language) };
  }
}

/** The sound with the clauses it was made from, as they were written. */
export async function* asWritten(
  sound: AsyncIterable<PcmChunk>,
  originals: Map<number, Clause>,
): AsyncGenerator<PcmChunk, void, undefined> {
  for await (const chunk of sound) {
    yield { ...chunk, clause: originals.get(chunk.clause.index) ?? chunk.clause };
    if (chunk.endOfClause) originals.delete(chunk.clause.index);
  }
}
