import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { Lifetime } from '#base/lifetime.ts';
import { silentLog } from '#base/log.ts';
import type { VideoFrame } from '#base/media.ts';
import { avatars, findAvatar } from '#server/avatars/catalogue.ts';
import { RedisBus } from '#server/bus/redis/redis-bus.ts';
import { likenessesOf } from '#server/likenesses.ts';
import { IdleLoop } from '#server/media/idle-loop.ts';
import { FADE } from '#server/media/seam.ts';
import { portraitRenderer } from '#server/render/portrait.ts';
import type { Renderer, RenderRequest } from '#server/render/renderer.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { RedisServer } from '#test/support/redis.ts';
import { openRenderer } from '#test/support/render-farm.ts';
import { startRenderWorker } from '#test/support/render-worker.ts';
import { buzz } from './contract/renderer.contract.ts';
import { switched } from './fixtures/switched.ts';

/** What a switch may add, as a multiple of what the loop moves by itself. */
const MOST = 1.5;
const AVATAR = findAvatar().id;
const never = new AbortController().signal;
const life = new Lifetime();
/** In different poses, in a blink too. */
const POSES = [10, 60, 85, 140, 200, 260];
/** Frames of the loop from there to where the pose is another one. */
const ELSEWHERE = [25, 50, 100, 125, 150, 200];

let portrait: Renderer;
beforeAll(async () => {
  portrait = await portraitRenderer({ avatars: avatars(), log: silentLog, clock: systemClock, metrics: createMetrics() });
  life.defer((reason) => portrait.close(reason));
});
afterAll(() => life.close('tests over'));

async function loopOf(renderer: Renderer): Promise<IdleLoop> {
  const loop = await IdleLoop.build(renderer.idle(AVATAR, never), renderer.geometry, never);
  life.defer(() => loop.close());
  return loop;
}

async function speech(renderer: Renderer, windows: number, request: Partial<RenderRequest>): Promise<VideoFrame[]> {
  const asked = { avatar: AVATAR, idleFrame: 0, ...request };
  const { lookAheadFrames = 0 } = renderer.geometry;
  const source = async function* () {
    for await (const window of buzz(renderer.geometry, windows))
      yield { ...window, ahead: new Int16Array(lookAheadFrames * 640) };
  };
  return Array.fromAsync(renderer.render(source(), asked, never), ({ picture }) => picture);
}

describe('on portrait', () => {
  let loop: IdleLoop;
  beforeAll(async () => (loop = await loopOf(portrait)));

  test.each(POSES)('no switch shows, from idle frame %i on, in time or up to 320 ms late', async (idleFrame) => {
    const spoken = await speech(portrait, 6, { idleFrame });
    for (const late of [0, 4, 8]) {
      const errors = await switched(loop, idleFrame + late, spoken);
      expect(errors).toHaveLength(2);
      expect(Math.max(...errors), `${late} frames late: ${errors.join(', ')}`).toBeLessThanOrEqual(MOST);
    }
  });

  test.each(POSES)(
    'nor where a busy machine leaves pictures out; a jump still does: from idle frame %i on',
    async (idleFrame) => {
      const spoken = await speech(portrait, 6, { idleFrame });
      for (const leftOut of [[0], [1], [2, 3], [4, 5]]) {
        const errors = await switched(loop, idleFrame, spoken, FADE, leftOut);
        expect(Math.max(...errors), `without ${leftOut.join(', ')}: ${errors.join(', ')}`).toBeLessThanOrEqual(MOST);
        const elsewhere = spoken.map((picture) => moved(picture, 8));
        for (const error of await switched(loop, idleFrame, elsewhere, 0, [1])) expect(error).toBeGreaterThan(MOST);
      }
    },
  );

  test.each(POSES)('a jump shows, into speech and back, also where the loop blinks: from idle frame %i on', async (idleFrame) => {
    const spoken = await speech(portrait, 6, { idleFrame });
    for (const away of ELSEWHERE) {
      const [into = 0] = await switched(loop, idleFrame + away, spoken, 0);
      expect(into, `${away} frames away`).toBeGreaterThan(MOST);
      // Speech that ends in another pose than the loop has at any whole second from there.
      const elsewhere = spoken.map((picture) => moved(picture, 8));
      for (const error of await switched(loop, idleFrame, elsewhere, 0)) expect(error).toBeGreaterThan(MOST);
    }
  });
});

describe('on standin, drawn by a worker that goes on from the idle pictures on air', () => {
  let renderer: Renderer;
  let loop: IdleLoop;
  beforeAll(async () => {
    const redis = await RedisServer.start();
    life.defer(() => redis.close());
    const engine = { STANDIN_CLIP: '24+3+2', STANDIN_SIZES: '512x512', STANDIN_RTF: '0', STANDIN_NUMBERS: 'faint' };
    const worker = await startRenderWorker(redis.url, engine);
    life.defer(() => worker.stop());
    const bus = await RedisBus.open({ url: redis.url, clock: systemClock, log: silentLog });
    const likeness = likenessesOf(portrait, '');
    const opened = await openRenderer(bus, { engine: 'standin', size: { width: 512, height: 512 }, likeness });
    life.defer(() => opened.close());
    ({ renderer } = opened);
    loop = await loopOf(renderer);
  }, 60_000);

  const before = (frame: number) => ({
    idleBefore: (_: number, count: number) =>
      Promise.all(Array.from({ length: count }, (_, at) => loop.picture(frame - count + at))),
  });

  test.each(POSES.slice(0, -1))('no switch shows, from idle frame %i on', async (start) => {
    const errors = await switched(loop, start, await speech(renderer, 3, before(start)));
    expect(errors).toHaveLength(2);
    expect(Math.max(...errors), errors.join(', ')).toBeLessThanOrEqual(MOST);
  });

  test('a jump shows: from the pictures of another moment, without a fade', async () => {
    const spoken = await speech(renderer, 3, before(75));
    for (const error of await switched(loop, 25, spoken, 0)) expect(error).toBeGreaterThan(MOST);
  });
});

/** The picture, so many rows further down. */
function moved({ width, height, data }: VideoFrame, rows: number): VideoFrame {
  const shifted = data.slice();
  shifted.copyWithin(rows * width, 0, (height - rows) * width);
  return { width, height, data: shifted };
}
