import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { backgroundQueue } from '#protocol/lease.ts';
import { buzz, collect } from '#test/contract/renderer.contract.ts';
import { expectWhole, farm, forever, FRESH, request, upTo, watching } from '#test/fixtures/drawn-by-workers.ts';
import { ENGINE } from '#test/support/render-farm.ts';
import type { RemoteRenderer } from './remote/remote.ts';

describe('what nobody waits for', () => {
  const idles = (renderer: RemoteRenderer, abort: AbortSignal) => collect(renderer.idle('nora', abort));

  it('waits in a queue of its own, behind all conversations, and has no deadline', async () => {
    const { renderer, first, worker, bus } = await farm();
    first.kill();
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const loop = idles(renderer, abort.signal);
    await expect.poll(() => bus.depth(backgroundQueue(ENGINE))).toMatchObject({ waiting: 1 });
    const greeting = collect(renderer.render(buzz(renderer.geometry, 1), { ...request, background: true }, abort.signal));
    await expect.poll(() => bus.depth(backgroundQueue(ENGINE))).toMatchObject({ waiting: 2 });
    expect(await bus.depth(ENGINE)).toMatchObject({ waiting: 0 });
    const second = worker({ rtf: 0.02 });
    expect(await loop).toHaveLength(250);
    expect(await greeting).toHaveLength(FRESH);
    expect(new Set(second.deadlines)).toEqual(new Set([undefined]));
    expectWhole(await collect(renderer.render(buzz(renderer.geometry, 1), request, forever(), watching(false))), FRESH);
    expect(second.deadlines.at(-1)).toBeTypeOf('number');
  });
});

describe('a worker that dies on air', () => {
  it('is replaced within the deadline of its window: no picture is late, and none is drawn twice', async () => {
    const { renderer, worker } = await farm({ rtf: 0.1, vice: 'vanishes' });
    worker({ rtf: 0.1 });
    const watch = watching(true, 1_500);
    const since = systemClock.now();
    const seen: { readonly frame: number; readonly late: number }[] = [];
    for await (const { frame } of renderer.render(buzz(renderer.geometry, 3), request, forever(), watch))
      seen.push({ frame, late: systemClock.now() - (since + 1_500 + frame * 40) });
    expect(seen.map(({ frame }) => frame)).toEqual(upTo(3 * FRESH));
    expect(Math.max(...seen.map(({ late }) => late))).toBeLessThan(0);
    expect(watch.told.filter((one) => one.startsWith('leaves out'))).toEqual([]);
  });
});
