/** An exact number: a fraction in lowest terms, its denominator above zero. */
export interface Fraction {
  readonly over: bigint;
  readonly under: bigint;
}

/** Bits of a number at most: about 300 digits, more than anybody says. */
const MOST_BITS = 1_000;

export function fraction(over: bigint, under = 1n): Fraction {
  if (under === 0n) throw new Error('It is divided by zero.');
  const shared = gcd(over < 0n ? -over : over, under < 0n ? -under : under) || 1n;
  const sign = under < 0n ? -1n : 1n;
  const lowest = { over: (sign * over) / shared, under: (sign * under) / shared };
  if (Math.max(bitsOf(lowest.over), bitsOf(lowest.under)) > MOST_BITS) throw new Error('The number is too large.');
  return lowest;
}

export const add = (a: Fraction, b: Fraction): Fraction => fraction(a.over * b.under + b.over * a.under, a.under * b.under);
export const negated = ({ over, under }: Fraction): Fraction => ({ over: -over, under });
export const times = (a: Fraction, b: Fraction): Fraction => fraction(a.over * b.over, a.under * b.under);
export const dividedBy = (a: Fraction, b: Fraction): Fraction => fraction(a.over * b.under, a.under * b.over);

/** The remainder has the sign of the divisor, as in mathematics. */
export function modulo(a: Fraction, b: Fraction): Fraction {
  const { over, under } = dividedBy(a, b);
  const whole = over / under - (over % under < 0n ? 1n : 0n);
  return add(a, negated(times(b, fraction(whole))));
}

/** Throws for what is no whole power, or too large. */
export function power(base: Fraction, exponent: Fraction): Fraction {
  if (exponent.under !== 1n) throw new Error('Only whole powers can be taken exactly.');
  const times = exponent.over < 0n ? -exponent.over : exponent.over;
  const bits = BigInt(Math.max(bitsOf(base.over), bitsOf(base.under)));
  if (times * bits > MOST_BITS) throw new Error('The number is too large.');
  const raised = fraction(base.over ** times, base.under ** times);
  return exponent.over < 0n ? dividedBy(fraction(1n), raised) : raised;
}

const bitsOf = (number: bigint): number => (number === 1n || number === -1n || number === 0n ? 0 : number.toString(2).length);

/** As a decimal number: exact where that is short enough, else rounded to so many digits after the point, which is then told. */
export function decimal({ over, under }: Fraction, digits = 15): { readonly text: string; readonly exact: boolean } {
  const sign = over < 0n ? '-' : '';
  const positive = over < 0n ? -over : over;
  const scaled = positive * 10n ** BigInt(digits);
  const exact = scaled % under === 0n;
  const rounded = (scaled * 2n + under) / (under * 2n);
  const all = rounded.toString().padStart(digits + 1, '0');
  const after = all.slice(-digits).replace(/0+$/, '');
  return { text: `${sign}${all.slice(0, -digits)}${after === '' ? '' : `.${after}`}`, exact };
}

function gcd(a: bigint, b: bigint): bigint {
  let [one, other] = [a, b];
  while (other > 0n) [one, other] = [other, one % other];
  return one;
}
