import fc from 'fast-check';
import { expect, it } from 'vitest';
import { inWords, numbersIn } from './demo-numbers.ts';

it.each([
  [0, 'zero'],
  [13, 'thirteen'],
  [40, 'forty'],
  [-21, 'minus twenty-one'],
  [105, 'one hundred and five'],
  [1_000, 'one thousand'],
  [1_234, 'one thousand two hundred and thirty-four'],
  [20_007, 'twenty thousand and seven'],
])('says %d as "%s"', (n, words) => {
  expect(inWords(n)).toBe(words);
});

it('reads back every number it can say', () => {
  fc.assert(
    fc.property(fc.integer({ min: -999_999, max: 999_999 }), (n) => {
      expect(numbersIn(inWords(n))).toEqual([n]);
    }),
  );
});

it.each([
  ['from 3 to -8', [3, -8]],
  ['1-5', [1, 5]],
  ['one two three', [1, 2, 3]],
  ['twenty to thirty two', [20, 32]],
  ['a hundred and three, then 1,000', [103, 1_000]],
  ['by fives, sixes, tens and twenties', [5, 6, 10, 20]],
  ['from minus 3 to negative four', [-3, -4]],
  ['half a dozen of nothing', []],
])('finds the numbers in "%s"', (text, numbers) => {
  expect(numbersIn(text)).toEqual(numbers);
});
