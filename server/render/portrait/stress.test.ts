import { expect, it } from 'vitest';
import { Stress } from './stress.ts';

/** What is seen of each frame of a voice, in dB. */
const seen = (voice: readonly (number | undefined)[]): number[] => {
  const stress = new Stress();
  return voice.map((db) => stress.step(db));
};
const steady = (frames: number, db: number | undefined): (number | undefined)[] => Array.from({ length: frames }, () => db);

it('beats once for a syllable that stands out, comes back to nothing, and never jumps', () => {
  const beat = seen([...steady(20, -25), ...steady(4, -18), ...steady(30, -25)]);
  expect(beat.slice(0, 20).every((part) => part === 0)).toBe(true);
  expect(Math.max(...beat)).toBe(1);
  expect(beat.slice(-12).every((part) => part === 0)).toBe(true);
  expect(Math.max(...beat.map((part, at) => Math.abs(part - (beat[at - 1] ?? 0))))).toBeLessThan(0.4);
});

it('leaves a steady voice, silence and its ends alone', () => {
  for (const voice of [
    steady(50, -20),
    steady(50, undefined),
    [...steady(10, undefined), ...steady(30, -20), ...steady(20, undefined)],
  ])
    expect(Math.max(...seen(voice))).toBe(0);
});

it('beats at most once a second, however lively the voice', () => {
  const beats = seen(Array.from({ length: 500 }, (_, at) => (at % 6 < 2 ? -12 : -30)));
  const begun = beats.filter((part, at) => part > 0 && (beats[at - 1] ?? 0) === 0).length;
  expect(begun).toBeGreaterThan(8);
  expect(begun).toBeLessThanOrEqual(20);
});
