import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Upsampler } from './upsample.ts';

const upsampled = (pieces: readonly Int16Array[]): number[] => {
  const upsampler = new Upsampler();
  return [...pieces.map((piece) => upsampler.push(piece)), upsampler.flush()].flatMap((piece) => [...piece]);
};

const tone = (hz: number, rate: number, length: number): Int16Array =>
  Int16Array.from({ length }, (_, n) => Math.round(10_000 * Math.sin((2 * Math.PI * hz * n) / rate)));

it.each([100, 1_000, 4_000, 6_000])('keeps a tone of %i Hz as it is and where it is', (hz) => {
  const made = upsampled([tone(hz, 16_000, 3_200)]);
  const wanted = tone(hz, 24_000, 4_800);
  const inside = made.slice(100, -100);
  const error = Math.sqrt(inside.reduce((sum, sample, n) => sum + (sample - (wanted[n + 100] ?? 0)) ** 2, 0) / inside.length);
  expect(error).toBeLessThan(150);
});

it('is as long as it has to be, wherever it is cut', () => {
  const piece = fc.int16Array({ maxLength: 50 });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const whole = Int16Array.from(pieces.flatMap((one) => [...one]));
      const made = upsampled(pieces);
      expect(made).toHaveLength(Math.ceil(whole.length * 1.5));
      expect(made).toEqual(upsampled([whole]));
    }),
  );
});
