import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { AvatarDetails, AvatarInfo, CreatedSession, SessionInfo, Transcript } from '#protocol/http.ts';
import { clip, formOf, picture } from '#server/avatars/uploads.fixture.ts';
import { children } from '#test/support/processes.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { mountSmallDisk, type SmallDisk } from '#test/support/small-disk.ts';

let files: string;
beforeAll(async () => (files = await mkdtemp(join(tmpdir(), 'uploads-'))));
afterAll(() => rm(files, { recursive: true, force: true }));

interface Sent {
  readonly status: number;
  readonly avatar: AvatarDetails;
  readonly error: { code: string; message: string } | undefined;
}

/** Sends an avatar to be made, or to take the place of the one of that id. */
async function send(
  server: RunningServer,
  fields: Record<string, string>,
  sent: Record<string, string>,
  id?: string,
): Promise<Sent> {
  const response = await fetch(`${server.url}/v1/avatars${id === undefined ? '' : `/${id}`}`, {
    method: id === undefined ? 'POST' : 'PUT',
    body: await formOf(fields, sent),
  });
  const body = (await response.json()) as AvatarDetails & { error?: Sent['error'] };
  return { status: response.status, avatar: body, error: body.error };
}

const details = async (server: RunningServer, id: string): Promise<AvatarDetails> =>
  (await server.call('GET', `/v1/avatars/${id}`)).body as AvatarDetails;
const until = (server: RunningServer, id: string, state: string): Promise<void> =>
  expect.poll(async () => (await details(server, id)).state, { timeout: 60_000, interval: 100 }).toBe(state);
const info = async (server: RunningServer, { id, token }: CreatedSession): Promise<SessionInfo> =>
  (await server.call('GET', `/v1/sessions/${id}`, undefined, token)).body as SessionInfo;
const turns = async (server: RunningServer, { id, token }: CreatedSession): Promise<Transcript['turns']> =>
  ((await server.call('GET', `/v1/sessions/${id}/transcript`, undefined, token)).body as Transcript).turns;

async function start(env: Record<string, string> = {}): Promise<RunningServer> {
  const server = await startServer(env);
  onTestFinished(() => server.stop().then(() => undefined));
  return server;
}

test('a clip becomes an avatar: built in steps, greets in its own words, is shown as it is, and says so', async () => {
  const server = await start();
  const path = await clip(files, 'a.mp4');
  const greeting = 'Good morning, I am Ada.';
  const { status, avatar } = await send(server, { name: 'Ada', voice: 'rms', greeting }, { clip: path });
  expect([status, avatar.state, avatar.renderer]).toEqual([202, 'queued', 'clip']);
  const early = await server.call('POST', '/v1/sessions', { avatar: avatar.id });
  expect(early).toMatchObject({ status: 409, body: { error: { code: 'avatar_not_ready' } } });
  const seen = new Set<string>();
  let done = 0;
  for (let now = avatar; now.state !== 'ready'; now = await details(server, avatar.id)) {
    if (now.step) seen.add(now.step);
    expect(now.progress ?? done).toBeGreaterThanOrEqual(done);
    done = now.progress ?? done;
    await sleep(50);
  }
  expect([...seen]).toEqual(['reading', 'idle', 'greeting']);
  const { avatars } = (await server.call('GET', '/v1/avatars')).body as { avatars: AvatarInfo[] };
  expect(avatars.map(({ kind, state }) => `${kind} ${state}`)).toEqual([...Array<string>(6).fill('drawn ready'), 'clip ready']);

  const session = await server.createSession({ avatar: avatar.id, hls: 'always' });
  await expect.poll(async () => (await info(server, session)).state, { timeout: 20_000, interval: 50 }).toBe('degraded');
  expect((await info(server, session)).reason).toMatch(/shown as it is/);
  await expect.poll(async () => (await turns(server, session))[0]?.state, { timeout: 20_000 }).toBe('done');
  expect((await turns(server, session))[0]).toMatchObject({ mode: 'greeting', spoken: greeting });

  expect((await server.call('DELETE', `/v1/avatars/${avatar.id}`)).status).toBe(204);
  expect((await server.call('POST', '/v1/sessions', { avatar: avatar.id })).status).toBe(404);
  await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Still here.', mode: 'say' }, session.token);
  await expect
    .poll(async () => (await turns(server, session))[1], { timeout: 20_000 })
    .toMatchObject({ state: 'done', spoken: 'Still here.' });
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(/phrases_total\{outcome="recorded"\} 1\n/);
  expect(metrics).toMatch(/phrases_total\{outcome="recited"\} 1\n/);
  await server.call('DELETE', `/v1/sessions/${session.id}`, undefined, session.token);
  await expect.poll(() => readdir(join(server.dataDir, 'avatars'))).toEqual(['.incoming']);
});

test('a server killed while it makes avatars: the next one makes them, and none was ever half there', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'avatars-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const env = { DATA_DIR: dataDir };
  let server = await start(env);
  const [path, other] = [await clip(files, 'b.mp4'), await clip(files, 'c.webm')];
  const ids: string[] = [];
  for (const file of [path, other]) ids.push((await send(server, { name: 'Ada', greeting: 'Hello.' }, { clip: file })).avatar.id);
  const killedAt: string[] = [];
  for (const step of ['reading', 'idle', 'greeting']) {
    const at = async (): Promise<string | undefined> => {
      const all = await Promise.all(ids.map((id) => details(server, id)));
      return (
        all.find(({ state }) => state === 'building')?.step ?? (all.every(({ state }) => state === 'ready') ? 'ready' : undefined)
      );
    };
    await expect.poll(at, { timeout: 60_000, interval: 5 }).toMatch(new RegExp(`${step}|ready`));
    killedAt.push((await at()) ?? '');
    const offspring = children(server.pid);
    process.kill(server.pid, 'SIGKILL');
    await expect.poll(() => offspring.every((pid) => isGone(pid)), { timeout: 70_000 }).toBe(true);
    server = await start({ ...env, RTC_PORT: String(server.rtcPort) });
    for (const id of ids) {
      const { state } = await details(server, id);
      const { status } = await server.call('POST', '/v1/sessions', { avatar: id });
      expect([state === 'ready', status === 201], `${state} ${status}`).toEqual([
        status === 201,
        state === 'ready' || status === 201,
      ]);
    }
  }
  for (const id of ids) await until(server, id, 'ready');
  const session = await server.createSession({ avatar: ids[0] ?? '', hls: 'always' });
  await expect.poll(async () => (await turns(server, session))[0]?.state, { timeout: 20_000 }).toBe('done');
  expect(killedAt).toContain('reading');
});

test('a photograph is refused where no engine can make it speak, and is an avatar where one can', async () => {
  const server = await start();
  const path = await picture(files, 'a.jpg');
  const { avatar } = await send(server, { name: 'Ada' }, { image: path });
  await until(server, avatar.id, 'failed');
  const refused = await server.call('POST', '/v1/sessions', { avatar: avatar.id });
  expect(refused).toMatchObject({
    status: 409,
    body: { error: { message: expect.stringMatching(/photograph.*RENDERER=remote.*clip/) as string } },
  });
  const card = await start({ RENDERER: 'pattern' });
  const other = await send(card, { name: 'Ada' }, { image: path });
  await until(card, other.avatar.id, 'ready');
  expect((await card.createSession({ avatar: other.avatar.id })).id).toBeTruthy();
});

const disk = await mountSmallDisk(8);
if (!disk) process.stderr.write('avatars: a full disk is skipped, this user may not mount a small one\n');

describe.skipIf(!disk)('a full disk', () => {
  const { path, fill, free, remove } = disk as SmallDisk;
  afterAll(() => remove());

  test('refuses uploads and leaves nothing of them; once there is room they are taken', async () => {
    const server = await start({ DATA_DIR: path });
    const file = await clip(files, 'd.mp4', 2);
    await readFile(file);
    await fill();
    const { status, error } = await send(server, { name: 'Ada' }, { clip: file });
    expect([status, error?.code]).toEqual([507, 'storage_failed']);
    expect(error?.message).toMatch(/full/);
    await free();
    expect(await readdir(join(path, 'avatars')).catch(() => [])).not.toContain(expect.stringMatching(/^av_/));
    const { avatar } = await send(server, { name: 'Ada' }, { clip: file });
    await until(server, avatar.id, 'ready');
  });
});

function isGone(pid: number): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}
