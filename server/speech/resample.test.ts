import { expect, test } from 'vitest';
import { concat, createResampler } from './resample.ts';

const tone = (hertz: number, rate: number): Int16Array =>
  Int16Array.from({ length: rate / 5 }, (_, at) => 12_000 * Math.sin((2 * Math.PI * hertz * at) / rate));

function resampled(samples: Int16Array, from: number, to: number): number[] {
  const resampler = createResampler(from, to);
  const output = concat([resampler.push(samples), resampler.flush()]);
  resampler.close();
  return [...output];
}

test('a resampler hears nothing of what the one before it was fed, whatever its rates were', () => {
  const fresh = resampled(tone(440, 16_000), 16_000, 48_000);
  const cut = createResampler(24_000, 48_000);
  cut.push(tone(1_000, 24_000));
  cut.close();
  expect(resampled(tone(440, 16_000), 16_000, 48_000)).toEqual(fresh);
});

test('resamplers in use at once are not each other', () => {
  const alone = resampled(tone(440, 16_000), 16_000, 48_000);
  const [one, other] = [createResampler(16_000, 48_000), createResampler(16_000, 48_000)];
  const first = one.push(tone(440, 16_000));
  other.push(tone(3_000, 16_000));
  expect([...concat([first, one.flush()])]).toEqual(alone);
  one.close();
  other.close();
});

test.each([
  [48_000, 16_000],
  [24_000, 48_000],
  [22_050, 48_000],
  [44_100, 16_000],
])('%i Hz to %i Hz: the tone of the formula, from its first sample on, in whatever parts it comes', (from, to) => {
  const samples = tone(440, from);
  const resampler = createResampler(from, to);
  const parts: Int16Array[] = [];
  for (let at = 0; at < samples.length; at += 331) parts.push(resampler.push(samples.subarray(at, at + 331)));
  const output = concat([...parts, resampler.flush()]);
  expect(output).toHaveLength((samples.length * to) / from);
  const wrong = [...output].map((sample, at) => Math.abs(sample - 12_000 * Math.sin((2 * Math.PI * 440 * at) / to)));
  expect(Math.max(...wrong.slice(30, -60))).toBeLessThan(5);
});
