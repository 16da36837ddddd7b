import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { reel } from '#base/expression.ts';
import { Lifetime } from '#base/lifetime.ts';
import { silentLog } from '#base/log.ts';
import { TICKS_PER_FRAME, type VideoFrame } from '#base/media.ts';
import { avatars, findAvatar } from '#server/avatars/catalogue.ts';
import { RedisBus } from '#server/bus/redis/redis-bus.ts';
import { likenessesOf } from '#server/likenesses.ts';
import { VideoEncoder } from '#server/media/encoder.ts';
import type { ExpressionReel } from '#server/media/idle-face.ts';
import { IdleLoop } from '#server/media/idle-loop.ts';
import { Reel } from '#server/media/reel.ts';
import { FADE } from '#server/media/seam.ts';
import { portraitRenderer } from '#server/render/portrait.ts';
import type { Renderer, RenderRequest } from '#server/render/renderer.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { RedisServer } from '#test/support/redis.ts';
import { openRenderer } from '#test/support/render-farm.ts';
import { startRenderWorker } from '#test/support/render-worker.ts';
import { buzz, windowAt } from './contract/renderer.contract.ts';
import { conversed, jumps, type Scene, type Shown } from './fixtures/conversed.ts';
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

describe('on portrait, while it listens, nods and thinks', () => {
  const size = { width: 160, height: 160 };
  const layout = reel();
  let drawn: Renderer;
  let loop: IdleLoop;
  let expressions: Reel;
  beforeAll(async () => {
    drawn = await portraitRenderer({
      avatars: avatars().slice(0, 1),
      size,
      log: silentLog,
      clock: systemClock,
      metrics: createMetrics(),
    });
    life.defer((reason) => drawn.close(reason));
    loop = await loopOf(drawn);
    const options = { ...size, isKeyframe: (frame: number) => layout[frame]?.keyframe === true, most: layout.length };
    expressions = await Reel.build(drawn.expressions?.(AVATAR, never) ?? drawn.idle(AVATAR, never), options, never);
    life.defer(() => expressions.close());
  }, 60_000);

  /** Listens, nods twice, thinks, answers, and listens again. */
  const conversation = (from: ExpressionReel): Scene => ({
    loop,
    reel: from,
    frames: 330,
    events: {
      12: (face) => face.attend('listening'),
      61: (face) => face.nod(),
      118: (face) => face.nod(),
      142: (face) => face.attend('thinking'),
      204: (face) => face.attend('rest'),
      250: (face) => face.attend('listening'),
    },
    speech: { from: 204, draw: (idleFrame, blends) => speech(drawn, 8, { idleFrame, blends }) },
  });

  test('no change shows, and nothing is encoded until it speaks', async () => {
    const encode = vi.spyOn(VideoEncoder.prototype, 'encode');
    const seen = await conversed(conversation(expressions));
    expect(seen.packets).toHaveLength(330);
    // Speech, and what is left of its last second.
    expect(encode.mock.calls.map(([, ticks]) => ticks / TICKS_PER_FRAME)).toEqual(
      Array.from({ length: 46 }, (_, at) => 204 + at),
    );
    encode.mockRestore();
    const found = jumps(seen, loop);
    // What is shown may become something else at keyframes only; from the answer on the seams are measured as such.
    const joins = seen.packets.flatMap(({ keyframe }, frame) => (keyframe && (frame < 204 || frame > 250) ? [frame] : []));
    expect(joins).toEqual(expect.arrayContaining([20, 30, 70, 90, 120, 140, 150, 160, 260, 270]));
    for (const frame of joins) expect(found[frame], `at ${frame}`).toBeLessThanOrEqual(MOST);
    const errors = await seamsOf(seen);
    expect(errors).toHaveLength(2);
    expect(Math.max(...errors), errors.join(', ')).toBeLessThanOrEqual(MOST);
  });

  test.each([145, 152, 156, 159, 165, 180])('no answer shows that begins while it turns to its thoughts, at %i', async (from) => {
    const { speech: answer, ...rest } = conversation(expressions);
    if (!answer) return;
    const seen = await conversed({ ...rest, frames: from + 50, speech: { ...answer, from } });
    const errors = await seamsOf(seen);
    expect(Math.max(...errors), errors.join(', ')).toBeLessThanOrEqual(MOST);
  });

  test('no switch shows where speech ends on its loudest syllable', async () => {
    const { geometry } = drawn;
    const source = async function* () {
      for (let index = 0; index < 9; index += 1) {
        const wave = (at: number) => Math.sin((2 * Math.PI * 150 * at) / 16_000) * (at < 32 * 640 ? 2_000 : 12_000);
        yield await Promise.resolve(windowAt(geometry, index, index * geometry.freshFrames, geometry.freshFrames, wave));
      }
    };
    const asked = { avatar: AVATAR, idleFrame: 40 };
    const spoken = await Array.fromAsync(drawn.render(source(), asked, never), ({ picture }) => picture);
    const errors = await switched(loop, 40, spoken);
    expect(Math.max(...errors), errors.join(', ')).toBeLessThanOrEqual(MOST);
  });

  test('an answer that is drawn from another face shows', async () => {
    const scene = conversation(expressions);
    const draw = (idleFrame: number) => speech(drawn, 8, { idleFrame });
    const [into] = await seamsOf(await conversed({ ...scene, speech: { from: 204, draw } }));
    expect(into).toBeGreaterThan(MOST);
  });

  test('a move that begins in another pose shows', async () => {
    const elsewhere: ExpressionReel = {
      packet: (frame) => expressions.packet(frame + 5),
      thumbnail: (frame) => expressions.thumbnail(frame + 5),
      pictures: (frame) => expressions.pictures(frame + 5),
    };
    const found = jumps(
      await conversed({ ...conversation(elsewhere), frames: 60, events: { 12: (face) => face.attend('listening') } }),
      loop,
    );
    expect(Math.max(...found)).toBeGreaterThan(MOST);
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

async function seamsOf({ metrics }: Shown): Promise<number[]> {
  const { values } = await metrics.seamError.get();
  return values.filter(({ metricName }) => metricName === 'seam_error_sum').map(({ value }) => value);
}

/** The picture, so many rows further down. */
function moved({ width, height, data }: VideoFrame, rows: number): VideoFrame {
  const shifted = data.slice();
  shifted.copyWithin(rows * width, 0, (height - rows) * width);
  return { width, height, data: shifted };
}
