import { describe, expect, it } from 'vitest';
import { Pace } from './pace.ts';

/** A pace that has seen windows of so many frames take so many ms. */
function seen(...windows: readonly (readonly [frames: number, ms: number])[]): Pace {
  const pace = new Pace(1, 72);
  for (const [frames, ms] of windows) pace.measure(frames, ms);
  return pace;
}

const whole = (ms: number, count: number) => Array.from({ length: count }, () => [72, ms] as const);

describe('a renderer’s pace', () => {
  it('is what the renderer says of itself until it was seen, and after three windows only what was seen', () => {
    expect(new Pace(5, 72).expect(72)).toBeCloseTo(14_400);
    expect(new Pace(5, 72).rtf).toBeCloseTo(5);
    expect(seen(...whole(5_760, 3)).rtf).toBeCloseTo(2);
  });

  it('tells what a window costs for itself from what it costs per frame', () => {
    const pace = seen([72, 10_000], [72, 10_000], [8, 3_600], [72, 10_000], [40, 6_800]);
    for (const frames of [1, 20, 72]) expect(pace.expect(frames)).toBeCloseTo(2_800 + 100 * frames);
    expect(pace.spread).toBeCloseTo(0);
    expect(seen(...whole(9_000, 4), [8, 9_000], [20, 9_000]).expect(1)).toBeCloseTo(9_000);
  });

  it('remembers what short windows cost while whole ones follow each other', () => {
    expect(seen([8, 5_000], [8, 5_000], ...whole(5_000, 40)).expect(4)).toBeCloseTo(5_000);
  });

  it('is not fooled by one quick window, nor for long by one slow one', () => {
    expect(seen(...whole(4_000, 6), [72, 400]).expect(72)).toBeCloseTo(4_000);
    expect(seen(...whole(4_000, 6), [72, 40_000]).expect(72)).toBeLessThan(5_500);
    expect(seen(...whole(4_000, 6), [72, 40_000], ...whole(4_000, 10)).rtf).toBeCloseTo(4 / 2.88);
  });

  it('believes two slow windows in a row at once', () => {
    expect(seen(...whole(4_000, 8), ...whole(9_000, 2)).expect(72)).toBeGreaterThanOrEqual(9_000);
  });

  it('is the more cautious the more it wavers', () => {
    const calm = seen(...[3_900, 4_000, 4_100, 3_900, 4_000, 4_100].map((ms) => [72, ms] as const));
    const wild = seen(...[2_000, 4_000, 6_000, 2_000, 4_000, 6_000].map((ms) => [72, ms] as const));
    expect(calm.rtf).toBeLessThan(1.1 * (4 / 2.88));
    expect(wild.rtf).toBeGreaterThan(1.5 * (4 / 2.88));
  });
});
