import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PcmChunk } from '#base/media.ts';
import { hear, type VoiceChunk } from './hear.ts';
import { concat } from './resample.ts';

const tone = (hz: number, rate: number, length: number): Int16Array =>
  Int16Array.from({ length }, (_, i) => Math.round(12_000 * Math.sin((2 * Math.PI * hz * i) / rate)));

/** The clauses in chunks of the given sizes, each ending as providers may end it: with its last samples or with an empty chunk. */
function* chunked(
  clauses: readonly Int16Array[],
  rate: number,
  sizes: readonly number[],
  emptyEnd: boolean,
): Generator<PcmChunk> {
  for (const [index, whole] of clauses.entries()) {
    const clause = { index, text: `clause ${String(index)}` };
    let start = 0;
    for (let k = 0; start < whole.length; k += 1) {
      const samples = whole.slice(start, start + (sizes[k % sizes.length] as number));
      const endOfClause = !emptyEnd && start + samples.length === whole.length;
      yield { samples, rate, start, clause, endOfClause };
      start += samples.length;
    }
    if (emptyEnd || whole.length === 0) yield { samples: new Int16Array(0), rate, start, clause, endOfClause: true };
  }
}

async function heard(chunks: Iterable<PcmChunk>, rate: number): Promise<VoiceChunk[]> {
  const pcm = (async function* () {
    yield* chunks;
  })();
  return Array.fromAsync(hear(pcm, rate));
}

const joined = (chunks: readonly VoiceChunk[], index: number, side: 'ear' | 'renderer'): Int16Array =>
  concat(chunks.filter((chunk) => chunk.clause.index === index).map((chunk) => chunk[side]));

describe('hear', () => {
  it.each([8_000, 16_000, 22_050, 24_000, 44_100, 48_000])('keeps exact counts from %i Hz, whatever the chunks', async (rate) => {
    const lengths = fc.array(fc.integer({ min: 0, max: rate / 10 }), { minLength: 1, maxLength: 3 });
    const sizes = fc.array(fc.integer({ min: 23, max: 3_000 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(lengths, sizes, fc.boolean(), async (clauseLengths, chunkSizes, emptyEnd) => {
        const clauses = clauseLengths.map((length, index) => tone(300 + 100 * index, rate, length));
        const whole = await heard(chunked(clauses, rate, [rate], false), rate);
        const pieces = await heard(chunked(clauses, rate, chunkSizes, emptyEnd), rate);
        for (const [index, length] of clauseLengths.entries()) {
          const frames = Math.ceil(length / (rate / 25));
          for (const chunks of [whole, pieces]) {
            expect(joined(chunks, index, 'ear').length).toBe(frames * 1_920);
            expect(joined(chunks, index, 'renderer').length).toBe(frames * 640);
            expect(
              chunks
                .filter((chunk) => chunk.clause.index === index)
                .map((chunk) => chunk.endOfClause)
                .lastIndexOf(true),
            ).not.toBe(-1);
          }
          for (const side of ['ear', 'renderer'] as const)
            expect(joined(pieces, index, side)).toStrictEqual(joined(whole, index, side));
        }
        for (const chunk of pieces) expect(chunk.ear.length).toBe(3 * chunk.renderer.length);
      }),
      { numRuns: 10 },
    );
  });

  it('passes sound through untouched where the rate is already right', async () => {
    const samples = tone(440, 16_000, 6_400);
    const chunks = await heard(chunked([samples], 16_000, [777], false), 16_000);
    expect(joined(chunks, 0, 'renderer')).toStrictEqual(samples);
  });

  it('keeps pitch, level and alignment', async () => {
    const chunks = await heard(chunked([tone(1_000, 22_050, 22_050)], 22_050, [512], false), 22_050);
    const ideal = tone(1_000, 48_000, 48_000);
    const ear = joined(chunks, 0, 'ear');
    const errors = ear.map((sample, i) => Math.abs(sample - (ideal[i] as number)));
    expect(Math.max(...errors.subarray(2_000, 46_000))).toBeLessThanOrEqual(2);
  });

  it('lets nothing of one clause sound in the next', async () => {
    const loud = tone(500, 16_000, 16_000);
    const alone = await heard(chunked([new Int16Array(0), tone(700, 16_000, 3_000)], 16_000, [640], false), 16_000);
    const after = await heard(chunked([loud, tone(700, 16_000, 3_000)], 16_000, [640], false), 16_000);
    expect(joined(after, 1, 'ear')).toEqual(joined(alone, 1, 'ear'));
  });

  it('refuses sound at another rate than declared', async () => {
    await expect(heard(chunked([tone(1, 8_000, 80)], 8_000, [80], false), 16_000)).rejects.toThrow('8000 Hz');
  });
});
