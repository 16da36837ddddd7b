import fc from 'fast-check';
import { expect, it } from 'vitest';
import { mostAlike } from './alike.ts';

const PER_MS = 24;

/** Syllables: bursts of noise, each `ms` long and as loud as it is told. */
function voice(levels: readonly number[], ms: number, seed: number): Int16Array {
  let state = seed;
  const noise = (): number => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 1_073_741_824 - 1;
  return Int16Array.from(
    levels.flatMap((level) => Array.from({ length: Math.round(ms * PER_MS) }, () => Math.round(noise() * level))),
  );
}

it('finds the same syllable in another rendition, slower or faster', () => {
  const levels = fc.array(
    fc.integer({ min: 0, max: 20 }).map((level) => level * 1_000),
    { minLength: 12, maxLength: 30 },
  );
  fc.assert(
    fc.property(
      levels,
      fc.double({ min: 0.85, max: 1.18, noNaN: true }),
      fc.double({ min: 0.4, max: 0.9, noNaN: true }),
      (loud, pace, share) => {
        // Syllables in a row that are equally loud can't be told apart.
        fc.pre(loud.every((level, n) => n === 0 || Math.abs(level - (loud[n - 1] ?? 0)) >= 3_000));
        fc.pre(new Set(loud).size > 6);
        const one = voice(loud, 80, 1);
        const other = voice(loud, 80 * pace, 7);
        const cut = Math.round(one.length * share);
        const at = mostAlike(one.subarray(Math.max(0, cut - 400 * PER_MS), cut), other, {
          near: cut,
          perMs: PER_MS,
          ended: true,
        });
        expect(Math.abs((at ?? 0) - cut * pace) / PER_MS).toBeLessThan(80);
      },
    ),
    { numRuns: 60 },
  );
});

it('waits until enough is there, and takes the same place when nothing tells', () => {
  const still = new Int16Array(24_000);
  expect(
    mostAlike(still.subarray(0, 4_800), still.subarray(0, 5_000), { near: 4_800, perMs: PER_MS, ended: false }),
  ).toBeUndefined();
  expect(mostAlike(still.subarray(0, 4_800), still, { near: 4_800, perMs: PER_MS, ended: false })).toBe(4_800);
  expect(mostAlike(still.subarray(0, 4_800), still.subarray(0, 100), { near: 4_800, perMs: PER_MS, ended: true })).toBe(100);
});
