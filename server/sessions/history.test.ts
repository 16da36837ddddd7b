import fc from 'fast-check';
import { expect, it } from 'vitest';
import { tokensIn } from '#base/token-count.ts';
import type { Turn } from '#protocol/http.ts';
import { instructions, messages } from './history.ts';

const turn = fc.record({
  utteranceId: fc.uuid(),
  mode: fc.constantFrom('chat', 'say', 'greeting'),
  prompt: fc.option(fc.string({ maxLength: 200 }), { nil: undefined }),
  spoken: fc.oneof(fc.constant(''), fc.string({ maxLength: 400 })),
  state: fc.constantFrom('done', 'interrupted', 'failed'),
  askedAt: fc.nat(),
}) as fc.Arbitrary<Turn>;

const cost = (contents: readonly string[]): number => contents.reduce((sum, content) => sum + 4 + tokensIn(content), 0);

it('gives the newest turns, each whole and in order, as many as the budget holds; the prompt always', () => {
  fc.assert(
    fc.property(fc.array(turn), fc.string(), fc.string(), fc.nat({ max: 3_000 }), (past, text, system, budget) => {
      const all = messages(past, text, system, Number.POSITIVE_INFINITY);
      const given = messages(past, text, system, budget);
      expect(given).toEqual(all.slice(all.length - given.length));
      expect(given.at(-1)).toEqual({ role: 'user', content: text });
      const used = cost([system, ...given.map(({ content }) => content)]);
      if (given.length > 1) expect(used).toBeLessThanOrEqual(budget);
      const turns = past
        .filter(({ spoken }) => spoken !== '')
        .map((one) => (one.mode === 'chat' && one.prompt !== undefined ? 2 : 1));
      const sums = turns.reduceRight<number[]>((lengths, count) => [...lengths, (lengths.at(-1) ?? 0) + count], [0]);
      expect(sums).toContain(given.length - 1);
      const next = sums[sums.indexOf(given.length - 1) + 1];
      // The next older turn would not have fitted.
      if (next !== undefined)
        expect(cost([system, ...all.slice(-next - 1).map(({ content }) => content)])).toBeGreaterThan(budget);
    }),
  );
});

it('tells what was heard, not what was to be said', () => {
  const heard = { utteranceId: 'u', mode: 'chat', prompt: 'Why?', spoken: 'Because…', state: 'interrupted', askedAt: 1 } as const;
  const silent = { ...heard, prompt: 'And?', spoken: '' };
  const greeting = { utteranceId: 'g', mode: 'greeting', spoken: 'Hello.', state: 'done', askedAt: 0 } as const;
  expect(messages([greeting, heard, silent], 'Really?', 'Be kind.', 1_000)).toEqual([
    { role: 'assistant', content: 'Hello.' },
    { role: 'user', content: 'Why?' },
    { role: 'assistant', content: 'Because…' },
    { role: 'user', content: 'Really?' },
  ]);
});

it('says of an answer that was cut off that it was, with the instructions alone', () => {
  const cut = { utteranceId: 'u', mode: 'chat', prompt: 'Why?', spoken: 'Because.', state: 'interrupted', askedAt: 1 } as const;
  const said = messages([cut], 'Really?', '', 1_000);
  expect(said[1]).toEqual({ role: 'assistant', content: 'Because. …' });
  expect(instructions('Be kind.', said)).toMatch(/^Be kind\.\n\n.*cut off there by the user/);
  expect(instructions('Be kind.', messages([{ ...cut, state: 'done' }], 'Really?', '', 1_000))).toBe('Be kind.');
});
