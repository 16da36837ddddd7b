import type { Log } from '#base/log.ts';
import type { Word } from '#base/media.ts';
import type { Speech, SpeechReport, SpokenClause } from '#server/media/types.ts';
import type { StagePort } from './ports.ts';

/** What is known of a clause that was or is being heard; where nothing is told of how far, all of it may be. */
type HeardClause = Pick<SpokenClause, 'clause' | 'complete'> & Partial<SpokenClause>;

/** What was heard: whole clauses, and of one that was cut the words up to there, with an ellipsis. */
export function spokenText(spoken: readonly HeardClause[]): string {
  return spoken
    .flatMap((one) => {
      const text = one.clause.text.trim();
      if (one.complete) return [text];
      const words = heardWords(text, one);
      return words === '' ? [] : [`${words.replace(/[\s.,;:!?…]+$/u, '')}…`];
    })
    .join(' ');
}

/** The words whose middle was heard: who hears half a word knows it. */
function heardWords(text: string, { heard, length, words = [] }: Partial<SpokenClause>): string {
  if (heard === undefined || !length) return text;
  const timed = words.length > 0 && placed(text, words);
  // The last one told may be the last that is known, not the last there is.
  if (timed && (timed.at(-1)?.word.end ?? 0) >= heard) {
    const last = timed.findLast(({ word }) => (word.start + word.end) / 2 <= heard);
    return text.slice(0, last?.end ?? 0);
  }
  return evenly(text, Math.min(1, heard / length));
}

/** Where each word ends in the text; undefined when they are not the text's. */
function placed(text: string, words: readonly Word[]): { word: Word; end: number }[] | undefined {
  const found: { word: Word; end: number }[] = [];
  let from = 0;
  for (const word of words) {
    const at = text.indexOf(word.text, from);
    if (at < 0) return undefined;
    from = at + word.text.length;
    found.push({ word, end: from });
  }
  return found;
}

/** As if each letter took as long; in scripts without spaces between graphemes, as a voice does. */
function evenly(text: string, share: number): string {
  const words = [
    ...text.matchAll(
      /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]\p{M}*|\S+?(?=[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]|\s|$)/gu,
    ),
  ];
  const end = words.findLast((word) => word.index + word[0].length / 2 <= share * text.length);
  return end ? text.slice(0, end.index + end[0].length) : '';
}

/** Whether two texts are the same words, whatever their signs and capitals. */
export const isSaid = (one: string, other: string): boolean => wordsIn(one) === wordsIn(other);

const wordsIn = (text: string): string => (text.toLowerCase().match(/[\p{L}\p{M}\p{N}']+/gu) ?? []).join(' ');

interface Playing {
  readonly stage: StagePort;
  readonly log: Log;
  /** Nothing more is to be said. */
  isOver(): boolean;
}

/** Plays `speeches` one after the other until something of one is heard, and gives that. Never rejects. */
export async function playFirst(speeches: Iterable<Speech>, { stage, log, isOver }: Playing): Promise<SpeechReport['spoken']> {
  try {
    for (const speech of speeches) {
      if (isOver()) break;
      const { spoken, error } = await stage.play(speech);
      if (error !== undefined) log.error({ err: error, utteranceId: speech.utteranceId }, 'an apology failed');
      if (spoken.length > 0) return spoken;
    }
  } catch (error) {
    log.error({ err: error }, 'no apology could be spoken');
  }
  return [];
}
