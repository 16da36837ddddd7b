import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import type { VideoFrame } from '#base/media.ts';
import { avatars, findAvatar } from '#server/avatars/catalogue.ts';
import { IdleFace } from '#server/media/idle-face.ts';
import { IdleLoop } from '#server/media/idle-loop.ts';
import { FADE, Seam } from '#server/media/seam.ts';
import { portraitRenderer } from '#server/render/portrait.ts';
import type { Renderer } from '#server/render/renderer.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { buzz } from './contract/renderer.contract.ts';

/** What a switch may add, as a multiple of what the loop moves by itself. */
const MOST = 1.5;
const AVATAR = findAvatar().id;
const never = new AbortController().signal;

let portrait: Renderer;
let loop: IdleLoop;
beforeAll(async () => {
  portrait = await portraitRenderer({ avatars: avatars(), log: silentLog, clock: systemClock, metrics: createMetrics() });
  loop = await IdleLoop.build(portrait.idle(AVATAR, never), portrait.geometry, never);
});
afterAll(async () => {
  await loop.close();
  await portrait.close('tests over');
});

/** Idle, speech from frame `start` on, idle again; the errors of both seams. Each picture is shown: no clock runs. */
async function switchedAt(start: number, spoken: readonly VideoFrame[]): Promise<number[]> {
  const metrics = createMetrics();
  const seam = new Seam(new IdleFace(loop), metrics, FADE);
  seam.turn(start, 'speech', undefined);
  for (const [at, picture] of spoken.entries()) await seam.compose(start + at, picture);
  const end = start + spoken.length;
  seam.turn(end, 'idle', spoken.at(-1));
  for (let frame = end; frame < end + 10; frame += 1) await seam.compose(frame, undefined);
  seam.release();
  const { values } = await metrics.seamError.get();
  return values.filter(({ metricName }) => metricName === 'seam_error_sum').map(({ value }) => value);
}

test.each([10, 60, 85, 140, 200, 260])(
  'on portrait no switch shows, from idle frame %i on, in time or up to 320 ms late',
  async (idleFrame) => {
    const spoken: VideoFrame[] = [];
    for await (const { picture } of portrait.render(buzz(portrait.geometry, 6), { avatar: AVATAR, idleFrame }, never))
      spoken.push(picture);
    for (const late of [0, 4, 8]) {
      const errors = await switchedAt(idleFrame + late, spoken);
      expect(errors).toHaveLength(2);
      expect(Math.max(...errors), `${late} frames late: ${errors.join(', ')}`).toBeLessThanOrEqual(MOST);
    }
  },
);

test('a jump shows: a picture from elsewhere is told from one that goes on', async () => {
  const spoken: VideoFrame[] = [];
  for await (const { picture } of portrait.render(buzz(portrait.geometry, 6), { avatar: AVATAR, idleFrame: 10 }, never))
    spoken.push(picture);
  const shifted = spoken.map(({ width, height, data }) => ({
    width,
    height,
    data: data.map((value) => Math.min(235, value + 25)),
  }));
  expect(Math.max(...(await switchedAt(10, shifted)))).toBeGreaterThan(2 * MOST);
});
