import fc from 'fast-check';
import { expect, it } from 'vitest';
import { samplesOf } from './samples.ts';

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array, void> {
  let at = 0;
  for (const size of sizes) yield bytes.subarray(at, (at += size));
  yield bytes.subarray(at);
}

it('gives the same samples however the bytes are cut', async () => {
  const sizes = fc.array(fc.nat({ max: 9 }));
  await fc.assert(
    fc.asyncProperty(fc.int16Array(), sizes, async (samples, cuts) => {
      const read = await Array.fromAsync(samplesOf(cut(new Uint8Array(samples.buffer), cuts)));
      expect(read.flatMap((part) => [...part])).toEqual([...samples]);
      expect(read.every(({ length }) => length > 0)).toBe(true);
    }),
  );
});

it('drops half a sample at the end', async () => {
  expect(await Array.fromAsync(samplesOf(cut(Uint8Array.of(1, 0, 7), [])))).toEqual([Int16Array.of(1)]);
});
