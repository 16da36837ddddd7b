import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoff } from './backoff.ts';

it('doubles from 0.4 s to 2 s, and grows to 10 s when nothing has come of it for long', () => {
  const longest = (attempt: number) => backoff(attempt, () => 1);
  expect([0, 1, 2, 3, 19].map(longest)).toEqual([400, 800, 1_600, 2_000, 2_000]);
  expect(longest(50)).toBe(10_000);
});

it('leaves half of each wait to chance, and never hammers', () => {
  fc.assert(
    fc.property(fc.nat(2_000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, chance) => {
      const longest = backoff(attempt, () => 1);
      const ms = backoff(attempt, () => chance);
      expect(ms).toBeGreaterThanOrEqual(longest / 2);
      expect(ms).toBeLessThanOrEqual(longest);
    }),
  );
});
