import { expect, test } from 'vitest';
import { TICKS_PER_MS } from '#base/media.ts';
import { fadedIn, fadedOut, ticksBack } from './hush.ts';

/** A 200 Hz tone, ms long, of that amplitude. */
const tone = (ms: number, amplitude: number): number[] =>
  Array.from({ length: ms * TICKS_PER_MS }, (_, at) => amplitude * Math.sin((2 * Math.PI * 200 * at) / 48_000));
const sound = (...parts: number[][]): Int16Array => Int16Array.from(parts.flat());

test('what is faded out and in again keeps its shape, without a step', () => {
  const level = new Int16Array(960).fill(10_000);
  const [out, back] = [fadedOut(level), fadedIn(level, 0)];
  expect([out[0], out[959], back[0]]).toEqual([10_000, 0, 0]);
  for (let at = 1; at < 960; at += 1) expect((out[at] ?? 0) + (back[at] ?? 0)).toBeCloseTo(10_000, -1);
  expect(
    fadedIn(level, 480)
      .subarray(0, 481)
      .every((sample) => sample === 0),
  ).toBe(true);
  expect(fadedIn(level, -960).every((sample) => sample === 10_000)).toBe(true);
});

test.each([
  {
    name: 'a word is begun anew at the gap before it',
    parts: [tone(200, 8_000), tone(40, 20), tone(120, 8_000)],
    back: [120, 160],
  },
  {
    name: 'of two gaps that are as quiet the later counts',
    parts: [tone(20, 0), tone(100, 8_000), tone(20, 0), tone(80, 8_000)],
    back: [80, 100],
  },
  { name: 'a gap further away than 300 ms is too far: exactly there', parts: [tone(40, 0), tone(320, 8_000)], back: [0, 0] },
  { name: 'no gap: exactly there', parts: [tone(100, 8_000), tone(100, 2_000), tone(100, 8_000)], back: [0, 0] },
  { name: 'faded out in a pause: exactly there', parts: [tone(200, 8_000), tone(60, 10)], back: [0, 0] },
  { name: 'hardly begun: exactly there', parts: [tone(5, 8_000)], back: [0, 0] },
  { name: 'a faint voice has its gaps, too', parts: [tone(100, 900), tone(30, 70), tone(100, 900)], back: [100, 130] },
])('$name', ({ parts, back: [least, most] }) => {
  const ms = ticksBack(sound(...parts)) / TICKS_PER_MS;
  expect(ms).toBeGreaterThanOrEqual(least as number);
  expect(ms).toBeLessThanOrEqual(most as number);
});
