import { expect, it } from 'vitest';
import { SoundLine } from './sound-line.ts';

const OPTIONS = { gridMs: 20, toleranceMs: 30, jumpMs: 60 };
const piece = (value: number): Int16Array => new Int16Array(320).fill(value);

function read(line: SoundLine, fromMs: number, samples: number): number[] {
  const into = new Float64Array(samples);
  line.read(fromMs * 16, into);
  return [...into.map((sample) => Math.round(sample * 32_768))];
}

it('lays pieces one after the other, however late each is told', () => {
  const line = new SoundLine(OPTIONS);
  for (let at = 0; at < 50; at += 1) line.add(piece(at + 1), 1_000 + at * 20 + (at % 3) * 9);
  expect(line.end).toBe(2_000 * 16);
  expect(read(line, 1_019, 32)).toEqual([...Array<number>(16).fill(1), ...Array<number>(16).fill(2)]);
});

it('leaves whole pieces out where nothing was sent', () => {
  const line = new SoundLine(OPTIONS);
  line.add(piece(1), 1_000);
  line.add(piece(2), 1_127);
  expect(line.end).toBe(1_140 * 16);
  expect(read(line, 1_010, 16)).toEqual(Array(16).fill(1));
  expect(read(line, 1_060, 16)).toEqual(Array(16).fill(0));
  expect(read(line, 1_120, 16)).toEqual(Array(16).fill(2));
});

it('follows a clock that goes another way', () => {
  const line = new SoundLine(OPTIONS);
  for (let at = 0; at < 500; at += 1) line.add(piece(at), 1_000 + at * 20.2);
  expect(Math.abs(line.end / 16 - (1_000 + 500 * 20.2))).toBeLessThan(60);
});

it('is silent before its beginning, after its end, and where it has forgotten', () => {
  const line = new SoundLine(OPTIONS);
  for (let at = 0; at < 1_000; at += 1) line.add(piece(7), 1_000 + at * 20);
  expect(read(line, 900, 4)).toEqual([0, 0, 0, 0]);
  expect(read(line, 1_000, 4)).toEqual([0, 0, 0, 0]);
  expect(read(line, 20_900, 4)).toEqual([7, 7, 7, 7]);
  expect(read(line, 21_000, 4)).toEqual([0, 0, 0, 0]);
});
