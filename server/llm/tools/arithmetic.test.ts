import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arithmeticTool, valueOf } from './arithmetic.ts';
import { decimal } from './fraction.ts';

const calculate = (expression: string): Promise<string> => arithmeticTool().run({ expression }, new AbortController().signal);

test.each([
  ['0.1 + 0.2', '0.3'],
  ['123456789012345678 * 987654321098765432', '121932631137021794322511812221002896'],
  ['(12.5 + 7) × 3 − 1', '57.5'],
  ['-2 ^ 2', '-4'],
  ['2 ^ 3 ^ 2', '512'],
  ['2 ^ -2', '0.25'],
  ['7 % 3 + -7 % 3', '3'],
  ['1e3 / .5', '2000'],
  ['10 / 3', 'about 3.333333333333333'],
  ['2 / 3', 'about 0.666666666666667'],
  ['--4', '4'],
])('%s = %s', async (expression, value) => {
  expect(await calculate(expression)).toBe(value);
});

test.each([
  ['1 / 0', /divided by zero/],
  ['5 % 0', /divided by zero/],
  ['0 ^ -1', /divided by zero/],
  ['2 ^ 0.5', /whole powers/],
  ['9 ^ 9 ^ 9', /too large/],
  ['1e999 * 2', /too large/],
  ['(1 + 2', /not closed/],
  ['1 +', /ends too soon/],
  ['2 x 3', /"x" was not expected/],
  ['process.exit()', /"p" is no number/],
  ['1 2', /"2" was not expected/],
  ['('.repeat(200), /nested too deeply/],
  ['', /expression/],
  ['1'.repeat(301), /expression/],
])('%s is refused in words', async (expression, why) => {
  await expect(calculate(expression)).rejects.toThrow(why);
});

test('what JavaScript can do exactly comes out the same', () => {
  const apply = {
    '+': (a: number, b: number) => a + b,
    '-': (a: number, b: number) => a - b,
    '*': (a: number, b: number) => a * b,
  };
  const integer = fc.integer({ min: -1_000, max: 1_000 });
  const sign = fc.constantFrom('+' as const, '-' as const, '*' as const);
  fc.assert(
    fc.property(integer, integer, integer, sign, sign, (a, b, c, one, other) => {
      const value = apply[other](apply[one](a, b), c);
      expect(decimal(valueOf(`(${a} ${one} ${b}) ${other} ${c}`)).text).toBe(String(value === 0 ? 0 : value));
    }),
  );
});
