import { expect, it } from 'vitest';
import { Decimator } from './decimator.ts';

const tone = (hertz: number): Int16Array =>
  Int16Array.from({ length: 9_600 }, (_, i) => 10_000 * Math.sin((2 * Math.PI * hertz * i) / 48_000));
const loudest = (samples: Int16Array): number => Math.max(...samples.subarray(100).map(Math.abs));

it('keeps what 16 kHz can hold, and lets nothing above be heard as something else', () => {
  expect(loudest(new Decimator().take(tone(1_000)))).toBeGreaterThan(9_900);
  expect(loudest(new Decimator().take(tone(5_000)))).toBeGreaterThan(9_500);
  expect(loudest(new Decimator().take(tone(10_000)))).toBeLessThan(100);
});

it('makes the same of pieces as of the whole', () => {
  const [whole, pieces] = [new Decimator(), new Decimator()];
  const sound = tone(700);
  const made: number[] = [];
  for (let at = 0; at < sound.length; at += 960) made.push(...pieces.take(sound.subarray(at, at + 960)));
  expect(Int16Array.from(made)).toEqual(whole.take(sound));
});
