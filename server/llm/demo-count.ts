import { inWords, numbersIn } from './demo-numbers.ts';

const MOST_NUMBERS = 100;
const LIMIT = 1_000_000;
const ALOUD = 'out|loud|aloud|slowly|quickly|fast|for|me|please|again|with|now|down|up|upwards?|downwards?|back|backwards?';
/** "count", "count aloud to", "counting down from", "count 1"; not "count on me" or "count the stars". */
const COUNT = new RegExp(
  String.raw`\bcount(?:ing)?(?:,?\s+(?:${ALOUD})\b)*(?<wish>[\s,.!?]*$|,?\s+(?:(?:to|till?|until|from|by)\b|-?\d).*)`,
  'is',
);
const STEP = /\b(?:by|in steps of)\s+(.+?)(?=\s+(?:to|till?|until|from)\b|$)/i;

/** The numbers that `text` asks to count, in words; undefined when it asks for no counting. */
export function count(text: string): string | undefined {
  const asked = COUNT.exec(text);
  if (!asked) return undefined;
  const wish = asked.groups?.['wish'] ?? '';
  const step = Math.abs(numbersIn(STEP.exec(wish)?.[1] ?? '')[0] ?? 1) || 1;
  const numbers = numbersIn(wish.replace(STEP, ' '));
  if (numbers.length === 0 && /\w/.test(wish)) return undefined;
  const [from, to] = range(numbers, {
    step,
    isStart: /\bfrom\b/i.test(wish),
    isDown: /\b(?:down|downwards?|back|backwards?)\b/i.test(asked[0]),
  });
  if (Math.max(Math.abs(from), Math.abs(to)) >= LIMIT)
    return 'Those are big numbers. I only count with numbers below one million.';
  return aloud(from, to, step);
}

interface Way {
  readonly step: number;
  /** A single number is where to start, not where to end. */
  readonly isStart: boolean;
  readonly isDown: boolean;
}

function range([a, b]: readonly number[], { step, isStart, isDown }: Way): readonly [from: number, to: number] {
  const ten = 10 * step;
  if (a === undefined) return isDown ? [ten, step] : [step, ten];
  if (b !== undefined) return isDown ? [Math.max(a, b), Math.min(a, b)] : [a, b];
  if (isDown) return a > step ? [a, step] : [a, a - ten + step];
  return isStart ? [a, a + ten - step] : [step, a];
}

function aloud(from: number, to: number, step: number): string {
  const total = Math.floor(Math.abs(to - from) / step) + 1;
  const numbers = Array.from({ length: Math.min(total, MOST_NUMBERS) }, (_, index) =>
    inWords(from + Math.sign(to - from) * step * index),
  );
  const said = sentences(numbers);
  return total > MOST_NUMBERS ? `${said} I stop there, because I count at most a hundred numbers at a time.` : said;
}

/** About ten numbers to a sentence, so that the voice can breathe. */
function sentences(numbers: readonly string[]): string {
  const count = Math.max(1, Math.round(numbers.length / 10));
  const rows = Array.from({ length: count }, (_, row) => numbers.slice(row * 10, row === count - 1 ? undefined : row * 10 + 10));
  return rows.map((row) => capital(`${row.join(', ')}.`)).join(' ');
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
