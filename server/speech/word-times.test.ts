import { describe, expect, it } from 'vitest';
import { silentLog } from '#base/log.ts';
import { EAR_RATE, type Character, type Clause, type PcmChunk, type Word } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import { fliteTts } from '#server/tts/flite.ts';
import { hear } from './hear.ts';
import { WordTimes } from './word-times.ts';

const RATE = 24_000;

async function run(sound: AsyncIterable<PcmChunk>, rate: number, written = new Map<number, Clause>()) {
  const outlook = new Outlook(1);
  const told: number[] = [];
  outlook.onWords((clause) => told.push(clause));
  const times = new WordTimes('en', outlook);
  let length = 0;
  for await (const { ear } of times.heard(hear(times.told(sound, written), rate))) length += ear.length;
  return { outlook, told, length };
}

const starts = (words: readonly Word[] | undefined): number[] => (words ?? []).map(({ start }) => start);

describe('word times', () => {
  it('takes a voice’s own times, as they come, for the words as they are written', async () => {
    const clause = { index: 0, text: 'Up 5 percent' };
    // Ten letters of a tenth of a second each, and the spaces between.
    const character = (text: string, at: number): Character => ({ text, start: at * 2_400, end: (at + 1) * 2_400 });
    const characters = Array.from(clause.text, character);
    async function* voice(): AsyncGenerator<PcmChunk> {
      const part = { samples: new Int16Array(14_400), rate: RATE, clause, endOfClause: false };
      yield await Promise.resolve({ ...part, start: 0, characters: characters.slice(0, 4) });
      yield { ...part, start: 14_400, characters: characters.slice(4) };
      yield { ...part, samples: new Int16Array(0), start: 28_800, endOfClause: true };
    }
    const { outlook, told, length } = await run(voice(), RATE, new Map([[0, { index: 0, text: 'Up 5%' }]]));
    expect(outlook.wordsOf(0)).toEqual({
      length,
      words: [
        { text: 'Up', start: 0, end: 0.2 * EAR_RATE },
        { text: '5%', start: 0.3 * EAR_RATE, end: 1.2 * EAR_RATE },
      ],
    });
    expect(told.length).toBeGreaterThan(1);
  });

  it('finds words in the sound of a voice that tells nothing, clause after clause', async () => {
    async function* clauses(): AsyncGenerator<Clause> {
      yield await Promise.resolve({ index: 3, text: 'The weather is nice today.' });
      yield { index: 4, text: 'We went to the market.' };
    }
    const sound = fliteTts({ log: silentLog }).synthesize(clauses(), { language: 'en' }, new AbortController().signal);
    const { outlook, length } = await run(sound, 16_000);
    const [first, second] = [outlook.wordsOf(3), outlook.wordsOf(4)];
    expect(first?.words.map(({ text }) => text)).toEqual(['The', 'weather', 'is', 'nice', 'today.']);
    expect(second?.words).toHaveLength(5);
    expect((first?.length ?? 0) + (second?.length ?? 0)).toBe(length);
    for (const known of [first, second]) {
      expect(starts(known?.words)).toEqual(starts(known?.words).toSorted((a, b) => a - b));
      expect(known?.words.at(-1)?.end).toBeLessThanOrEqual(known?.length ?? 0);
    }
  });
});
