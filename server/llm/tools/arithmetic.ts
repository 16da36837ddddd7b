import { z } from 'zod';
import { add, decimal, dividedBy, fraction, modulo, negated, power, times, type Fraction } from './fraction.ts';
import { tool, type Tool } from './tool.ts';

const LONGEST = 300;
/** Parentheses and signs in each other at most. */
const DEEPEST = 50;

/** Models guess at larger numbers. Exact: sums of money and long products come out to the last digit. */
export const arithmeticTool = (): Tool =>
  tool({
    name: 'calculate',
    description: 'The exact value of an arithmetic expression. Ask for it whenever an answer needs more than the smallest sums.',
    parameters: z.strictObject({
      expression: z
        .string()
        .min(1)
        .max(LONGEST)
        .describe('numbers with "." as decimal point, + - * / % (remainder) ^ (power) and parentheses, such as "(12.5 + 7) * 3"'),
    }),
    run({ expression }) {
      const { text, exact } = decimal(valueOf(expression));
      return exact ? text : `about ${text}`;
    },
  });

/** Throws, with a message for the model, for what is no expression. */
export function valueOf(expression: string): Fraction {
  const tokens = expression.replaceAll('×', '*').replaceAll('÷', '/').replaceAll('−', '-').replaceAll('**', '^');
  const reader = new Reader(tokens.match(/\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?|\.\d+|\S/g) ?? []);
  const value = reader.sum(0);
  reader.end();
  return value;
}

class Reader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  sum(depth: number): Fraction {
    let value = this.#product(depth);
    for (let sign = this.#take('+', '-'); sign; sign = this.#take('+', '-')) {
      const next = this.#product(depth);
      value = add(value, sign === '+' ? next : negated(next));
    }
    return value;
  }

  end(): void {
    const rest = this.#tokens[this.#at];
    if (rest !== undefined) throw new Error(`"${rest}" was not expected there.`);
  }

  #product(depth: number): Fraction {
    let value = this.#signed(depth);
    for (let sign = this.#take('*', '/', '%'); sign; sign = this.#take('*', '/', '%')) {
      const next = this.#signed(depth);
      value = sign === '*' ? times(value, next) : sign === '/' ? dividedBy(value, next) : modulo(value, next);
    }
    return value;
  }

  /** A sign binds less than a power: -2 ^ 2 is -4. */
  #signed(depth: number): Fraction {
    if (depth > DEEPEST) throw new Error('It is nested too deeply.');
    if (this.#take('-')) return negated(this.#signed(depth + 1));
    if (this.#take('+')) return this.#signed(depth + 1);
    const base = this.#atom(depth);
    return this.#take('^') ? power(base, this.#signed(depth + 1)) : base;
  }

  #atom(depth: number): Fraction {
    if (this.#take('(')) {
      const value = this.sum(depth + 1);
      if (!this.#take(')')) throw new Error('A parenthesis is not closed.');
      return value;
    }
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new Error('It ends too soon.');
    const [, whole = '', , after = '', exponent = '0'] = /^(\d*)(\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(token) ?? [];
    if (whole === '' && after === '') throw new Error(`"${token}" is no number and no sign that is known here.`);
    this.#at += 1;
    const ten = power(fraction(10n), fraction(BigInt(Number(exponent) - after.length)));
    return times(fraction(BigInt(whole + after)), ten);
  }

  #take(...wanted: readonly string[]): string | undefined {
    const token = this.#tokens[this.#at];
    if (token === undefined || !wanted.includes(token)) return undefined;
    this.#at += 1;
    return token;
  }
}
