import { inWords } from './demo-numbers.ts';

const ORDINALS: Readonly<Record<string, string>> = {
  ...{ one: 'first', two: 'second', three: 'third', five: 'fifth', eight: 'eighth', nine: 'ninth', twelve: 'twelfth' },
  ...{ twenty: 'twentieth', thirty: 'thirtieth' },
};

/** The time of day in the server's time zone, in words. */
export function timeInWords(wallMs: number): string {
  const part = parts(wallMs);
  const hour = Number(part('hour'));
  const minute = Number(part('minute'));
  const minutes = minute === 0 ? "o'clock" : minute < 10 ? `oh ${inWords(minute)}` : inWords(minute);
  const time = hour < 12 ? 'in the morning' : hour < 18 ? 'in the afternoon' : 'in the evening';
  return `${inWords(hour % 12 || 12)} ${minutes} ${time}`;
}

/** The date in the server's time zone, in words but for the year. */
export function dateInWords(wallMs: number): string {
  const part = parts(wallMs);
  return `${part('weekday')}, the ${ordinal(Number(part('day')))} of ${part('month')}, ${part('year')}`;
}

function parts(wallMs: number): (type: Intl.DateTimeFormatPartTypes) => string {
  const format = new Intl.DateTimeFormat('en-GB', { hourCycle: 'h23', dateStyle: 'full', timeStyle: 'short' });
  const found = new Map(format.formatToParts(wallMs).map(({ type, value }) => [type, value]));
  return (type) => found.get(type) ?? '';
}

const ordinal = (n: number): string => inWords(n).replace(/[a-z]+$/, (word) => ORDINALS[word] ?? `${word}th`);
