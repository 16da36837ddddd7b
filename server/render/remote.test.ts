import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '#base/clock.ts';
import { i420Bytes, type DrawnFrame } from '#base/media.ts';
import { FRAME_LINK_PROTOCOL } from '#protocol/frame-link.ts';
import { buzz, collect, rendererContract } from '#test/contract/renderer.contract.ts';
import { GEOMETRY, type Vice } from '#test/support/gpu-worker.ts';
import { ENGINE, openFarm } from '#test/support/render-farm.ts';
import { expectWhole, farm, forever, FRESH, request, upTo, watching } from '#test/fixtures/drawn-by-workers.ts';
import { patternRenderer } from './pattern.ts';

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
    ['babbles and keeps its lease', 'garbage'],
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

describe('an interrupt', () => {
  it.each([undefined, 'draws what was cancelled'] as const)(
    'reaches the worker, and nothing of it is seen (%s)',
    async (vice) => {
      const { renderer, first, bus } = await farm(vice ? { vice } : {});
      const abort = new AbortController();
      let after = 0;
      for await (const { frame } of renderer.render(buzz(renderer.geometry, 10), request, abort.signal)) {
        if (abort.signal.aborted) after += 1;
        if (frame === FRESH + 2) abort.abort();
      }
      expect(after).toBe(0);
      await expect.poll(() => first.told).toContain('cancel 1');
      await expect.poll(() => first.done).toEqual(['done']);
      expect(await bus.depth(ENGINE)).toEqual({ waiting: 0, taken: 0, parked: 0 });
      const next = await collect(renderer.render(buzz(renderer.geometry, 1), request, forever()));
      expectWhole(next, FRESH);
      expect(new Set(next.map(({ picture }) => picture.data[1]))).toEqual(new Set([1]));
    },
  );

  it('takes a lease that still waits out of the queue', async () => {
    const { renderer, bus } = await farm();
    const first = collect(renderer.render(buzz(renderer.geometry, 3), request, forever()));
    await expect.poll(() => bus.depth(ENGINE)).toMatchObject({ taken: 1 });
    const abort = new AbortController();
    const second = collect(renderer.render(buzz(renderer.geometry, 3), request, abort.signal));
    await expect.poll(() => bus.depth(ENGINE)).toMatchObject({ waiting: 1 });
    abort.abort();
    expect(await second).toEqual([]);
    await expect.poll(() => bus.depth(ENGINE)).toMatchObject({ waiting: 0 });
    expectWhole(await first, 3 * FRESH);
  });
});

describe('who waits for a worker', () => {
  it('is told how long, and has its turn', async () => {
    const { renderer } = await farm({ rtf: 0.5 });
    const watch = watching(false);
    const both = await Promise.all([
      collect(renderer.render(buzz(renderer.geometry, 3), request, forever())),
      collect(renderer.render(buzz(renderer.geometry, 1), request, forever(), watch)),
    ]);
    both.forEach((frames, at) => expectWhole(frames, [3, 1][at]! * FRESH));
    expect(watch.told.at(-1)).toBe('draws');
    expect(watch.told.filter((one) => /^waits for: .*GPU is for this answer$/.test(one)).length).toBeGreaterThan(0);
  });

  it('goes without pictures when there is none at all, and has them again once one is there', { timeout: 20_000 }, async () => {
    const { renderer, first, worker, bus } = await farm();
    first.kill();
    await expect.poll(() => bus.takers(ENGINE), { timeout: 5_000 }).toEqual([]);
    const watch = watching(false);
    const late = async function* () {
      for await (const window of buzz(renderer.geometry, 2)) {
        if (window.index === 1) {
          worker();
          await new Promise((resolve) => setTimeout(resolve, 1_500));
        }
        yield window;
      }
    };
    const frames = await collect(renderer.render(late(), request, forever(), watch));
    expect(frames.map(({ frame }) => frame)).toEqual(upTo(FRESH).map((frame) => FRESH + frame));
    expect(watch.told).toContain('leaves out: no GPU worker is there');
  });
});

describe('a promise that would be broken', () => {
  const large = { width: 288, height: 288 };
  const understudy = () => patternRenderer({ clock: systemClock, size: large, freshFrames: 5, overlapFrames: 2 });

  it('is kept by the understudy where there is no worker, and it says why', async () => {
    const stage = { size: large, understudies: [{ renderer: understudy(), can: () => true }] };
    const { renderer, first, bus } = await farm({ sizes: [large] }, stage);
    first.kill();
    await expect.poll(() => bus.takers(ENGINE), { timeout: 5_000 }).toEqual([]);
    const frames = await collect(renderer.render(buzz(renderer.geometry, 2), request, forever(), watching(true)));
    expect(frames.map(({ frame }) => frame)).toEqual(upTo(2 * FRESH));
    expect(new Set(frames.map(({ picture }) => picture.lesser))).toEqual(
      new Set(['no GPU worker is there; drawn by pattern instead']),
    );
  });

  it(
    'is kept by another engine with a free worker, and by the next understudy once that one has left',
    { timeout: 20_000 },
    async () => {
      const second = await farm({ rtf: 0.1, sizes: [large] }, { size: large, name: 'second-engine' });
      const understudies = [
        { renderer: second.renderer, can: () => second.renderer.isFree() },
        { renderer: understudy(), can: () => true },
      ];
      const { renderer, first, bus } = await farm({ sizes: [large] }, { size: large, understudies });
      first.kill();
      await expect.poll(() => bus.takers(ENGINE), { timeout: 5_000 }).toEqual([]);
      const idle = Array.from({ length: GEOMETRY.overlapFrames }, (_, at) => ({
        ...large,
        data: new Uint8Array(i420Bytes(large)).fill(200 + at),
      }));
      const asked = { ...request, idleBefore: () => Promise.resolve(idle) };
      const frames: DrawnFrame[] = [];
      const windows = buzz({ ...renderer.geometry, freshFrames: FRESH + 6 }, 4);
      for await (const drawn of renderer.render(windows, asked, forever(), watching(true, 10_000))) {
        frames.push(drawn);
        if (drawn.frame === 2 * FRESH) second.first.kill();
      }
      expect(frames.map(({ frame }) => frame)).toEqual(upTo(4 * (FRESH + 6)));
      const by = frames.map(({ picture }) => /drawn by (\S+) instead/.exec(picture.lesser ?? '')?.[1]);
      expect(new Set(by)).toEqual(new Set(['second-engine', 'pattern']));
      expect(by.lastIndexOf('second-engine')).toBeLessThan(by.indexOf('pattern'));
      // Each of its windows goes on from what was shown before; only the first from the idle face.
      expect(second.first.motions).toEqual([200 + GEOMETRY.overlapFrames - 1, FRESH + 5]);
    },
  );

  it('is kept in a smaller size where that is quick enough, in the size of the stage, and it says why', async () => {
    const sizes = [
      { width: 64, height: 64 },
      { width: 32, height: 32 },
    ];
    const { renderer, first } = await farm({ rtf: 1.5, sizes });
    // A second window that is due before it can be drawn in full.
    const watch = { ...watching(true), due: watching(true, 2_000).due };
    const frames = await collect(renderer.render(buzz(renderer.geometry, 3), request, forever(), watch));
    expect(frames.map(({ frame }) => frame)).toEqual(upTo(3 * FRESH));
    expect(first.told.filter((one) => one.startsWith('begin'))).toEqual(['begin 1 64x64', 'begin 2 32x32']);
    expect(frames[0]?.picture.lesser).toBeUndefined();
    expect(frames.at(-1)?.picture).toMatchObject({ width: 64, height: 64, lesser: 'pictures are drawn smaller to be in time' });
  });

  it('is kept in a smaller size where memory is short', async () => {
    const sizes = [
      { width: 64, height: 64 },
      { width: 32, height: 32 },
    ];
    const { renderer, metrics } = await farm({ sizes, memory: 2_000 });
    const frames = await collect(renderer.render(buzz(renderer.geometry, 2), request, forever()));
    expect(frames.map(({ frame }) => frame)).toEqual(upTo(2 * FRESH));
    expect(frames[0]?.picture).toMatchObject({ width: 64, lesser: 'the GPU has no memory left for the full size' });
    expect(await metrics.registry.getSingleMetricAsString('provider_errors_total')).toContain('kind="memory"} 1');
  });

  it('is not made worse by pictures that nobody can see any more', async () => {
    const { renderer, first } = await farm({ rtf: 3 });
    const watch = watching(true);
    expect(await collect(renderer.render(buzz(renderer.geometry, 1), request, forever(), watch))).toEqual([]);
    expect(first.asked).toEqual([]);
    expect(watch.told).toContain('leaves out: pictures are drawn more slowly than they are shown');
  });

  it('does not keep a poisonous answer going round', { timeout: 20_000 }, async () => {
    const { renderer, worker, bus } = await farm({ vice: 'vanishes', viceAt: 0 });
    for (let other = 0; other < 4; other += 1) worker({ vice: 'vanishes', viceAt: 0 });
    const watch = watching(false);
    const frames = await collect(renderer.render(buzz(renderer.geometry, 1), request, forever(), watch));
    expect(frames.map(({ frame }) => frame)).toEqual(upTo(FRESH / 2));
    expect(watch.told.at(-1)).toMatch(/^leaves out: the GPU worker was lost/);
    expect((await bus.depth(ENGINE)).taken).toBe(0);
  });
});

describe('the door for workers', () => {
  /** What a worker is answered, as a status, or how its link is closed. */
  async function knock(url: string, headers: Record<string, string>, protocol = FRAME_LINK_PROTOCOL): Promise<number> {
    const socket = new WebSocket(url, protocol, { headers });
    return new Promise((resolve) => {
      socket.on('unexpected-response', (_, response) => {
        resolve(response.statusCode ?? 0);
        socket.terminate();
      });
      socket.on('open', () => resolve(101));
      socket.on('error', () => undefined);
    });
  }
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

  it('opens to the token of a lease that is wanted, and to nothing else', async () => {
    const { url, tokens, bus, renderer, first } = await farm();
    first.kill();
    const put = vi.spyOn(bus, 'put');
    const abort = new AbortController();
    void collect(renderer.render(buzz(renderer.geometry, 1), request, abort.signal));
    await expect.poll(() => put.mock.calls.length).toBe(1);
    const lease = put.mock.calls[0]![1].id;
    expect(await knock(url, {})).toBe(401);
    expect(await knock(url, bearer('nonsense'))).toBe(401);
    expect(await knock(url, bearer(await tokens.issue({ role: 'server' })))).toBe(401);
    expect(await knock(url, bearer(await tokens.issue({ role: 'host', sessionId: lease })))).toBe(401);
    expect(await knock(url, bearer(await tokens.issueForLease(lease, -10_000)))).toBe(401);
    expect(await knock(url, bearer(await tokens.issueForLease('another.lease.1', 10_000)))).toBe(404);
    expect(await knock(url, bearer(await tokens.issueForLease(lease, 10_000)), 'frame-link.v9')).toBe(400);
    expect(await knock(url, bearer(await tokens.issueForLease(lease, 10_000)))).toBe(101);
    await expect(tokens.verify(await tokens.issueForLease(lease, 10_000))).rejects.toMatchObject({ code: 'unauthorized' });
    abort.abort();
    await expect.poll(() => renderer.isWanted(lease)).toBe(false);
    expect(await knock(url, bearer(await tokens.issueForLease(lease, 10_000)))).toBe(404);
  });

  it('gives a lease to who comes last; the other lets go, and nothing is drawn twice', async () => {
    const { renderer, first, worker, bus } = await farm({ rtf: 0.4 });
    const put = vi.spyOn(bus, 'put');
    const drawing = collect(renderer.render(buzz(renderer.geometry, 3), request, forever()));
    await expect.poll(() => first.asked.length).toBe(1);
    const second = worker();
    await bus.release(ENGINE, put.mock.calls[0]![1].id);
    expectWhole(await drawing, 3 * FRESH);
    await expect.poll(() => first.done).toEqual(['let go']);
    await expect.poll(() => second.done).toEqual(['done']);
  });
});

rendererContract('remote', 'nora', async () => {
  const { renderer, close } = await openFarm({ rtf: 0.01 });
  return Object.assign(renderer, { close });
});
