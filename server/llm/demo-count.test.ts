import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { count } from './demo-count.ts';
import { numbersIn } from './demo-numbers.ts';

const counted = (text: string): number[] => numbersIn(count(text) ?? '');
const run = (from: number, to: number): number[] =>
  Array.from({ length: Math.abs(to - from) + 1 }, (_, index) => from + Math.sign(to - from) * index);

describe('count', () => {
  it('writes numbers as words, in one sentence', () => {
    expect(count('Count from one to seven.')).toBe('One, two, three, four, five, six, seven.');
  });

  it.each([
    ['count', run(1, 10)],
    ['Please count aloud, slowly!', run(1, 10)],
    ['can you count to 12?', run(1, 12)],
    ['count up to twenty-three', run(1, 23)],
    ['count 4 to 6', [4, 5, 6]],
    ['count down from five', run(5, 1)],
    ['count backwards from 10 to zero', run(10, 0)],
    ['Counting from 8 to 3', run(8, 3)],
    ['count from minus two to 2', run(-2, 2)],
    ['count from 40', run(40, 49)],
    ['count to twenty by fives', [5, 10, 15, 20]],
    ['count by twos from 0 to 6', [0, 2, 4, 6]],
  ])('understands "%s"', (text, numbers) => {
    expect(counted(text)).toEqual(numbers);
  });

  it.each([
    'count the stars',
    'can I count on you?',
    'count from a to z',
    'how many countries are there',
    'a count lived in 1 castle',
  ])('leaves "%s" alone', (text) => {
    expect(count(text)).toBeUndefined();
  });

  it('counts at most a hundred numbers, in order, and says that it stops', () => {
    const number = fc.integer({ min: -999_999, max: 999_999 });
    fc.assert(
      fc.property(number, number, (from, to) => {
        const said = count(`count from ${String(from)} to ${String(to)}`) ?? '';
        const [numbers = '', end] = said.split(' I stop there');
        expect(numbersIn(numbers.replace(/\. /g, ', '))).toEqual(run(from, to).slice(0, 100));
        expect(end !== undefined).toBe(Math.abs(to - from) >= 100);
      }),
      { numRuns: 20 },
    );
  });

  it('says where its numbers end', () => {
    expect(count('count to 99999999999')).toMatch(/below one million/);
  });
});
