import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { CreatedSession, Transcript } from '#protocol/http.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { mountSmallDisk, type SmallDisk } from '#test/support/small-disk.ts';

const disk = await mountSmallDisk(6);
if (!disk) process.stderr.write('full-disk: skipped, this user may not mount a small disk\n');

describe.skipIf(!disk)('a full disk', { timeout: 120_000 }, () => {
  const { path, fill, free, remove } = disk as SmallDisk;
  const env = { DATA_DIR: path, TMPDIR: path };
  const running: RunningServer[] = [];
  const start = async (settings: Record<string, string> = {}): Promise<RunningServer> => {
    const server = await startServer({ ...env, RENDERER: 'pattern', ...settings });
    running.push(server);
    return server;
  };
  const stop = (): Promise<unknown> => Promise.all(running.splice(0).map((server) => server.stop()));
  const say = (server: RunningServer, { id, token }: CreatedSession, text: string) =>
    server.call('POST', `/v1/sessions/${id}/prompts`, { text, mode: 'say' }, token);
  const transcript = async (server: RunningServer, { id, token }: CreatedSession) =>
    ((await server.call('GET', `/v1/sessions/${id}/transcript`, undefined, token)).body as Transcript).turns;
  const spoken = async (server: RunningServer, session: CreatedSession): Promise<void> => {
    while ((await transcript(server, session)).some(({ state }) => state !== 'done')) await sleep(50);
  };

  afterEach(async () => {
    await stop();
    await free();
  });
  afterAll(remove);

  it('at the first start is named, in one line', async () => {
    await fill();
    await expect(start()).rejects.toThrow(/can't be (kept|used).*: the disk is full\./);
    await expect(start({ AUTH_SECRET: 'a secret of enough letters' })).rejects.toThrow(/database.*: the disk is full\./);
  });

  it('costs no word: answers say what is not stored, and all is written once there is room', async () => {
    const server = await start();
    const before = await server.createSession({});
    expect(before.stored).toBeUndefined();
    await fill();
    const errors: string[] = [];
    const socket = io(server.url, { auth: { token: before.token }, forceNew: true, transports: ['websocket'] });
    socket.on('error', ({ code }: { code: string }) => errors.push(code));
    await new Promise((resolve) => socket.once('connect', () => resolve(undefined)));
    const during = await server.createSession({});
    expect(during.stored).toBe(false);
    for (const session of [before, during]) {
      for (const text of ['First.', 'Second.']) {
        const { status, body } = await say(server, session, text);
        expect([status, body]).toMatchObject([202, { stored: false }]);
      }
    }
    await Promise.all([before, during].map((session) => spoken(server, session)));
    expect(errors).toEqual(['storage_failed']);
    await free();
    await expect.poll(() => server.log.at(-1)?.['msg'], { timeout: 10_000 }).toBe('history is written again');
    expect((await say(server, before, 'Third.')).body).not.toHaveProperty('stored');
    await spoken(server, before);
    socket.close();
    const texts = await Promise.all([before, during].map((session) => transcript(server, session)));
    process.kill(server.pid, 'SIGKILL');
    await stop();

    const after = await start();
    expect(await Promise.all([before, during].map((session) => transcript(after, session)))).toEqual(texts);
  });

  it('that is full when the server is killed and started again costs nothing but what is not stored', async () => {
    const server = await start();
    const before = await server.createSession({});
    await say(server, before, 'Before.');
    await spoken(server, before);
    await fill();
    process.kill(server.pid, 'SIGKILL');
    await stop();

    const after = await start();
    expect((await transcript(after, before)).map(({ spoken: text }) => text)).toEqual(['Before.']);
    expect((await say(after, before, 'After.')).body).toMatchObject({ stored: false });
    const session = await after.createSession({});
    expect(session.stored).toBe(false);
    await Promise.all([before, session].map((one) => spoken(after, one)));
  });

  it('keeps no idle loops, and starts all the same', async () => {
    await fill();
    const server = await start({ RENDERER: 'portrait', AUTH_SECRET: '' });
    const session = await server.createSession({});
    await say(server, session, 'Hello.');
    await spoken(server, session);
    expect(server.log.some(({ msg }) => msg === 'the idle loop could not be kept')).toBe(true);
  });
});
