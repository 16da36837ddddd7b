import { describe, expect, it, onTestFinished } from 'vitest';
import type { DrawnFrame } from '#base/media.ts';
import { buzz, collect, rendererContract } from '#test/contract/renderer.contract.ts';
import { GEOMETRY, type Vice } from '#test/support/gpu-worker.ts';
import { openFarm } from '#test/support/render-farm.ts';

const request = { avatar: 'nora', idleFrame: 0 };
const FRESH = GEOMETRY.freshFrames;

async function farm(...args: Parameters<typeof openFarm>): ReturnType<typeof openFarm> {
  const made = await openFarm(...args);
  onTestFinished(() => made.close());
  return made;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
/** Each frame once, in order, and each the picture of that frame. */
function expectWhole(frames: readonly DrawnFrame[], count: number): void {
  expect(frames.map(({ frame }) => frame)).toEqual(upTo(count));
  expect(frames.map(({ picture }) => picture.data[0])).toEqual(upTo(count).map((frame) => frame % 200));
}

describe('a remote renderer', () => {
  it('draws what its worker draws, and the lease is done', async () => {
    const { renderer, first, bus } = await farm();
    const frames = await collect(renderer.render(buzz(renderer.geometry, 3), request, new AbortController().signal));
    expectWhole(frames, 3 * FRESH);
    await expect.poll(() => first.done).toEqual(['done']);
    expect(await bus.depth('test-engine')).toEqual({ waiting: 0, taken: 0, parked: 0 });
    expect(first.asked).toEqual(['1/0', '1/1', '1/2']);
    expect(first.told).toEqual(['begin 1 64x64', 'reference']);
    expect(new Set(first.sounds)).toEqual(new Set([(GEOMETRY.overlapFrames + FRESH) * 640]));
  });

  it.each<[Vice, string]>([
    ['vanishes', 'cut'],
    ['falls silent', '(silent|stuck)'],
    ['gets stuck', 'stuck'],
    ['babbles', 'garbage'],
    ['leaves pictures out', 'wrong'],
    ['draws black', 'wrong'],
    ['draws too much', 'wrong'],
    ['fails', 'failed'],
    ['leaves', 'leaving'],
  ])('goes on with another when its worker %s: each picture once', async (vice, kind) => {
    const { renderer, first, worker, metrics } = await farm({ vice });
    const drawing = collect(renderer.render(buzz(renderer.geometry, 4), request, new AbortController().signal));
    await expect.poll(() => first.windows).toBeGreaterThan(0);
    const second = worker();
    expectWhole(await drawing, 4 * FRESH);
    expect([...first.asked, ...second.asked]).toEqual(expect.arrayContaining(['1/1', '2/1', '2/2', '2/3']));
    expect(await metrics.registry.getSingleMetricAsString('provider_errors_total')).toMatch(new RegExp(`kind="${kind}"`));
    await expect.poll(() => [...first.done, ...second.done].filter((one) => one === 'done')).toHaveLength(1);
  });
});

rendererContract('remote', 'nora', async () => {
  const { renderer, close } = await openFarm({ rtf: 0.01 });
  return Object.assign(renderer, { close });
});
