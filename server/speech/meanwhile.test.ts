import { expect, it } from 'vitest';
import { sleep, VirtualClock } from '#base/clock.ts';
import type { AvFrame, Clause } from '#base/media.ts';
import { Meanwhile } from './meanwhile.ts';

const forever = new AbortController().signal;

/** What is said when the model says `first`, waits `ms` for a tool, and says `then`; frames are taken for the first `takenMs`. */
async function said(
  first: string,
  ms: number,
  { then = 'It is sunny.', takenMs = 1_000, word = 'One moment.' } = {},
): Promise<Clause[]> {
  const clock = new VirtualClock();
  const meanwhile = new Meanwhile({ clock, word: () => word || undefined });
  async function* clauses(): AsyncGenerator<Clause> {
    if (first) yield { index: 0, text: first };
    meanwhile.working();
    await sleep(clock, ms);
    yield { index: first ? 1 : 0, text: then };
  }
  const over = Promise.withResolvers<void>();
  async function* frames(): AsyncGenerator<AvFrame> {
    for (let at = 0; at < takenMs; at += 40) {
      await sleep(clock, 40);
      const [sound, clause] = [new Int16Array(0), { index: 0, text: first }];
      yield { frame: at / 40, sound, clause, startOfClause: at === 0, endOfClause: at + 40 >= takenMs, picture: undefined };
    }
    await over.promise;
  }
  void Array.fromAsync(meanwhile.taken(frames()));
  const all = Array.fromAsync(meanwhile.clauses(clauses(), forever));
  // Timers first, so that they count from now.
  await clock.advance(0);
  await clock.advance(20_000);
  over.resolve();
  return all;
}

const texts = (clauses: readonly Clause[]): string[] => clauses.map(({ text }) => text);

it('says a word when the model waits for a tool and nothing more is to be heard, once', async () => {
  const clauses = await said('Let me look.', 6_000);
  expect(texts(clauses)).toEqual(['Let me look.', 'One moment.', 'It is sunny.']);
  expect(clauses.map(({ index }) => index)).toEqual([0, 1, 2]);
});

it('says none while the voice goes on, for a quick tool, in the middle of a sentence, before the first clause, or where there is none', async () => {
  const plain = ['Let me look.', 'It is sunny.'];
  expect(texts(await said('Let me look.', 1_500))).toEqual(plain);
  expect(texts(await said('Let me look.', 3_000, { takenMs: 2_800 }))).toEqual(plain);
  expect(texts(await said('Let me look.', 600, { takenMs: 0 }))).toEqual(plain);
  expect(texts(await said('In Paris it is', 6_000, { then: 'sunny.' }))).toEqual(['In Paris it is', 'sunny.']);
  expect(texts(await said('', 6_000))).toEqual(['It is sunny.']);
  expect(texts(await said('Let me look.', 6_000, { word: '' }))).toEqual(plain);
});
