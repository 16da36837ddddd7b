import { execa } from 'execa';
import { beforeAll, expect, it } from 'vitest';
import { MS_PER_FRAME, RENDERER_SAMPLES_PER_FRAME } from '#base/media.ts';
import { Hearing } from './hearing.ts';
import truth from './lips.fixture.json' with { type: 'json' };

/** Each sound of some sentences with when it is heard, ms, as flite itself knows it (scripts/flite-words.py). */
type Phone = readonly [name: string, start: number, end: number];
const LIPS = ['m', 'b', 'p'];
const OPEN_VOWELS = ['aa', 'ae', 'ah', 'ao', 'ay', 'eh', 'ey', 'ow', 'er'];
/** A mouth that is open no further looks closed. */
const CLOSED = 0.12;

interface Said {
  readonly phones: readonly Phone[];
  /** Per frame: how far the mouth is open, and how loud the voice is. */
  readonly open: readonly number[];
  readonly loud: readonly number[];
}

let said: Said[];
beforeAll(async () => {
  said = await Promise.all(
    truth.map(async ({ text, voice, phones }) => {
      const args = ['-v', 'error', '-f', 'lavfi', '-i', `flite=text='${text}':voice=${voice}`];
      const { stdout } = await execa('ffmpeg', [...args, '-f', 's16le', '-ar', '16000', '-'], { encoding: 'buffer' });
      const sound = new Int16Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.byteLength));
      return { phones: phones as unknown as Phone[], ...seen(sound) };
    }),
  );
});

function seen(sound: Int16Array): Pick<Said, 'open' | 'loud'> {
  const hearing = new Hearing();
  const frames = Math.floor(sound.length / RENDERER_SAMPLES_PER_FRAME);
  const part = (from: number, count: number): Int16Array =>
    Int16Array.from(
      { length: count * RENDERER_SAMPLES_PER_FRAME },
      (_, at) => sound[from * RENDERER_SAMPLES_PER_FRAME + at] ?? 0,
    );
  const window = { index: 0, clause: { index: 0, text: '' }, endOfClause: false, overlapFrames: 2, freshFrames: 1 };
  const open = Array.from(
    { length: frames },
    (_, frame) =>
      hearing.hear({ ...window, startFrame: frame, samples: part(frame - 2, 3), ahead: part(frame + 1, 1) })[0]?.open ?? NaN,
  );
  const loud = open.map((_, frame) => Math.hypot(...part(frame, 1)));
  return { open, loud };
}

const all = <T>(each: (one: Said) => T[]): T[] => said.flatMap(each);
const shareOf = (hits: readonly boolean[]): number => hits.filter(Boolean).length / hits.length;
const frameAt = (ms: number): number => Math.floor(ms / MS_PER_FRAME);

it('lips meet for m, b and p', () => {
  const closed = all(({ phones, open }) =>
    phones
      .filter(([name]) => LIPS.includes(name))
      .map(([, start, end]) => Math.min(...open.slice(frameAt(start), frameAt(end) + 1)) < CLOSED),
  );
  expect(closed.length).toBeGreaterThan(50);
  expect(shareOf(closed)).toBeGreaterThanOrEqual(0.9);
});

it('open vowels open the mouth, silence rests', () => {
  const middle = ({ phones, open }: Said, names: readonly string[]): number[] =>
    phones.filter(([name]) => names.includes(name)).map(([, start, end]) => open[frameAt((start + end) / 2)] ?? 0);
  const vowels = all((one) => middle(one, OPEN_VOWELS));
  expect(shareOf(vowels.map((open) => open > CLOSED))).toBeGreaterThan(0.95);
  expect(shareOf(all((one) => middle(one, ['pau'])).map((open) => open < CLOSED))).toBeGreaterThan(0.95);
});

it('goes with the voice, neither ahead of it nor behind by a frame', () => {
  const at = (lag: number): number => {
    const pairs = all(({ open, loud }) =>
      loud.flatMap((now, frame) => {
        const then = open[frame + lag];
        return then === undefined ? [] : [[now, then] as const];
      }),
    );
    return correlation(pairs);
  };
  const lags = [-3, -2, -1, 0, 1, 2, 3].map((lag) => [lag, at(lag)] as const);
  const [best] = lags.toSorted(([, a], [, b]) => b - a);
  expect(Math.abs(best?.[0] ?? NaN)).toBeLessThanOrEqual(1);
  // Loud sounds through closed lips keep it from more.
  expect(best?.[1]).toBeGreaterThan(0.55);
});

function correlation(pairs: readonly (readonly [number, number])[]): number {
  const mean = (side: 0 | 1): number => pairs.reduce((sum, pair) => sum + pair[side], 0) / pairs.length;
  const [x, y] = [mean(0), mean(1)];
  const sum = (each: (a: number, b: number) => number): number => pairs.reduce((total, [a, b]) => total + each(a - x, b - y), 0);
  return sum((a, b) => a * b) / Math.sqrt(sum((a) => a * a) * sum((_, b) => b * b));
}
