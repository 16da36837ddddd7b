import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AvatarDetails, SessionInfo, Transcript } from '#protocol/http.ts';
import { clip, formOf, picture } from '#server/avatars/uploads.fixture.ts';
import { RedisServer } from '#test/support/redis.ts';
import { startRenderWorker, type RenderWorker } from '#test/support/render-worker.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

const GREETING = 'Good morning, I am Ada.';
const TEXT = 'The weather in Paris is nice today.';
const ENGINE = { STANDIN_CLIP: '24+3+2', STANDIN_SIZES: '256x256', STANDIN_RTF: '0.3', STANDIN_NUMBERS: 'faint' };

let redis: RedisServer;
let worker: RenderWorker;
let server: RunningServer;
let files: string;
beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), 'uploads-'));
  redis = await RedisServer.start();
  worker = await startRenderWorker(redis.url, ENGINE);
  server = await startServer({ RENDERER: 'remote', REDIS_URL: redis.url, RENDER_ENGINE: 'standin', RENDER_SIZE: '256x256' });
});
afterAll(async () => {
  await server.stop();
  await worker.stop();
  await redis.close();
  await rm(files, { recursive: true, force: true });
});

async function metric(pattern: RegExp): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
}
const drawn = (): Promise<number> => metric(/^render_window_ms_count\{renderer="standin"\} (\d+)/gm);
const seams = (least: string): Promise<number> => metric(new RegExp(`^seam_error_bucket\\{le="${least}",.*\\} (\\d+)`, 'gm'));

test.each(['image', 'clip'] as const)(
  'an uploaded %s is drawn by the engine: its idle loop on silence, its greeting, what it says, without a seam that shows',
  { timeout: 90_000 },
  async (kind) => {
    const file = kind === 'image' ? await picture(files, 'a.png') : await clip(files, 'a.mp4');
    const form = await formOf({ name: 'Ada', voice: 'rms', greeting: GREETING }, { [kind]: file });
    const made = await fetch(`${server.url}/v1/avatars`, { method: 'POST', body: form });
    const { id } = (await made.json()) as AvatarDetails;
    const details = async () => (await server.call('GET', `/v1/avatars/${id}`)).body as AvatarDetails;
    await expect.poll(async () => (await details()).state, { timeout: 60_000, interval: 200 }).toBe('ready');
    expect((await details()).renderer).toBe('remote');
    // 126 pictures on silence in windows of 24, and the greeting: all under leases that nobody waits for.
    const built = await drawn();
    expect(built).toBeGreaterThanOrEqual(6);
    const taken = worker.log.filter(({ background }) => background === true).length;
    expect(taken).toBeGreaterThan(0);

    // Of this session only: a try that follows another has its own.
    const before = { all: await seams('\\+Inf'), good: await seams('1\\.5') };
    const session = await server.createSession({ avatar: id, hls: 'always' });
    const turns = async () =>
      ((await server.call('GET', `/v1/sessions/${session.id}/transcript`, undefined, session.token)).body as Transcript).turns;
    const done = (turn: number) =>
      expect.poll(async () => (await turns())[turn]?.state, { timeout: 20_000, interval: 100 }).toBe('done');
    await done(0);
    await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: TEXT, mode: 'say' }, session.token);
    await done(1);
    expect((await turns()).map(({ spoken }) => spoken)).toEqual([GREETING, TEXT]);
    expect(await drawn()).toBeGreaterThan(built);
    const { state } = (await server.call('GET', `/v1/sessions/${session.id}`, undefined, session.token)).body as SessionInfo;
    expect(state).not.toBe('degraded');
    // Both ways, of the greeting and of the sentence; the last one is judged once its fade is over.
    await expect.poll(() => seams('\\+Inf'), { timeout: 10_000 }).toBeGreaterThanOrEqual(before.all + 4);
    expect((await seams('1\\.5')) - before.good).toBe((await seams('\\+Inf')) - before.all);
    await server.call('DELETE', `/v1/sessions/${session.id}`, undefined, session.token);
  },
);
