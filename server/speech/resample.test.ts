import { expect, test } from 'vitest';
import { concat, createResampler } from './resample.ts';

const tone = (hertz: number, rate: number): Int16Array =>
  Int16Array.from({ length: rate / 5 }, (_, at) => 12_000 * Math.sin((2 * Math.PI * hertz * at) / rate));

async function resampled(samples: Int16Array, from: number, to: number): Promise<number[]> {
  const resampler = await createResampler(from, to);
  const output = concat([resampler.push(samples), resampler.flush()]);
  resampler.close();
  return [...output];
}

test('a resampler hears nothing of what the one before it was fed, whatever its rates were', async () => {
  const fresh = await resampled(tone(440, 16_000), 16_000, 48_000);
  const cut = await createResampler(24_000, 48_000);
  cut.push(tone(1_000, 24_000));
  cut.close();
  expect(await resampled(tone(440, 16_000), 16_000, 48_000)).toEqual(fresh);
});

test('resamplers in use at once are not each other', async () => {
  const alone = await resampled(tone(440, 16_000), 16_000, 48_000);
  const [one, other] = [await createResampler(16_000, 48_000), await createResampler(16_000, 48_000)];
  const first = one.push(tone(440, 16_000));
  other.push(tone(3_000, 16_000));
  expect([...concat([first, one.flush()])]).toEqual(alone);
  one.close();
  other.close();
});

test('one after the other they share one memory', async () => {
  await resampled(tone(440, 16_000), 16_000, 48_000);
  const before = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < 10; count += 1) await resampled(tone(440, 16_000), 16_000, 48_000);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
});
