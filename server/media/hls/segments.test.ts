import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Packaged } from './packager.ts';
import { segments, type Segment } from './segments.ts';

async function* fragments(durations: readonly number[]): AsyncGenerator<Packaged, void, undefined> {
  yield { kind: 'init', data: Uint8Array.of(0) };
  let ticks = 0;
  for (const [at, durationTicks] of durations.entries()) {
    yield { kind: 'fragment', data: Uint8Array.of(at + 1), ticks, durationTicks };
    ticks += durationTicks;
  }
}

describe('segments', () => {
  it('publishes each second at once when it is over, however many keyframes it has', async () => {
    const out = await Array.fromAsync(segments(fragments([48_000, 9_600, 38_400, 19_200, 28_800])));
    expect(out.slice(1)).toMatchObject([
      { ticks: 0, durationTicks: 48_000, data: Uint8Array.of(1) },
      { ticks: 48_000, durationTicks: 48_000, data: Buffer.of(2, 3) },
      { ticks: 96_000, durationTicks: 48_000, data: Buffer.of(4, 5) },
    ]);
  });

  it('loses nothing and stays within the target duration', async () => {
    const frames = fc.integer({ min: 1, max: 25 });
    await fc.assert(
      fc.asyncProperty(fc.array(frames, { maxLength: 40 }), async (groups) => {
        const durations = groups.map((count) => count * 1_920);
        const [init, ...out] = await Array.fromAsync(segments(fragments(durations)));
        expect(init).toEqual({ init: Uint8Array.of(0) });
        const made = out as Segment[];
        expect(Buffer.concat(made.map(({ data }) => data))).toEqual(Buffer.from(durations.map((_, at) => at + 1)));
        let end = 0;
        for (const { ticks, durationTicks } of made) {
          expect(ticks).toBe(end);
          end += durationTicks;
          expect(Math.round(durationTicks / 48_000)).toBeLessThanOrEqual(1);
        }
        expect(end).toBe(durations.reduce((sum, duration) => sum + duration, 0));
      }),
    );
  });
});
