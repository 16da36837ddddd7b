import { describe, expect, it } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { NetworkPath, PERFECT, type PathFaults } from './network-path.ts';

/** Sends `count` numbered packets, one a ms, and lets everything arrive; the ms at which each did, in the order they did. */
async function travel(count: number, faults: Partial<PathFaults>, seed = 1) {
  const clock = new VirtualClock();
  const path = new NetworkPath(clock, seed);
  path.faults = { ...PERFECT, ...faults };
  const arrived: { number: number; at: number }[] = [];
  for (let number = 0; number < count; number += 1) {
    path.send(100, () => arrived.push({ number, at: clock.now() }));
    await clock.advance(1);
  }
  await clock.advance(1_000);
  return { arrived, counts: path.counts, order: arrived.map(({ number }) => number) };
}

const ascending = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

describe('a network path', () => {
  it('passes everything at once, in order, when it is perfect', async () => {
    const { arrived, counts } = await travel(50, {});
    expect(arrived).toEqual(ascending(50).map((number) => ({ number, at: number })));
    expect(counts).toEqual({ passed: 50, bytes: 5_000, dropped: 0, reordered: 0 });
  });

  it('loses the share it is told to, the same packets for the same seed and others for another', async () => {
    const one = await travel(4_000, { loss: 0.1 });
    expect(one.counts.dropped).toBeGreaterThan(320);
    expect(one.counts.dropped).toBeLessThan(480);
    expect(one.counts.passed + one.counts.dropped).toBe(4_000);
    expect((await travel(4_000, { loss: 0.1, delayMs: 30 })).order).toEqual(one.order);
    expect((await travel(4_000, { loss: 0.1 }, 2)).order).not.toEqual(one.order);
  });

  it('loses in bursts when asked, and the same share', async () => {
    const runs = ({ order }: { order: number[] }): number =>
      order.filter((number, i) => number - (order[i - 1] ?? -1) > 1).length;
    const [single, bursts] = [await travel(6_000, { loss: 0.1 }), await travel(6_000, { loss: 0.1, burst: 4 })];
    expect(bursts.counts.dropped).toBeGreaterThan(400);
    expect(bursts.counts.dropped).toBeLessThan(800);
    expect(bursts.counts.dropped / runs(bursts)).toBeGreaterThan(3);
    expect(single.counts.dropped / runs(single)).toBeLessThan(1.3);
  });

  it('delays and jitters without changing the order', async () => {
    const { arrived, order, counts } = await travel(500, { delayMs: 20, jitterMs: 30 });
    expect(order).toEqual(ascending(500));
    const delays = arrived.map(({ number, at }) => at - number);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(20);
    expect(Math.max(...delays)).toBeLessThanOrEqual(50);
    expect(new Set(delays.map(Math.round)).size).toBeGreaterThan(5);
    expect(counts.reordered).toBe(0);
  });

  it('holds up a share of the packets so that later ones pass them, and loses none', async () => {
    const { order, counts } = await travel(1_000, { reorder: 0.05, reorderMs: 15 });
    expect(order).not.toEqual(ascending(1_000));
    expect(order.toSorted((a, b) => a - b)).toEqual(ascending(1_000));
    expect(counts.reordered).toBeGreaterThan(25);
    expect(counts.reordered).toBeLessThan(90);
  });

  it('passes nothing while it is blocked, and what comes later when it is open again', async () => {
    const clock = new VirtualClock();
    const path = new NetworkPath(clock, 1);
    const arrived: string[] = [];
    path.faults = { ...PERFECT, blocked: true };
    path.send(1, () => arrived.push('blocked'));
    path.faults = { ...PERFECT, delayMs: 5 };
    path.send(1, () => arrived.push('open'));
    await clock.advance(5);
    path.send(1, () => arrived.push('closed'));
    path.close();
    await clock.advance(50);
    expect(arrived).toEqual(['open']);
  });
});
