import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { silentLog } from '#base/log.ts';
import { freePorts, isRunning } from '#test/support/sfu.ts';
import { Sfu } from './sfu.ts';

const start = (workers: number, rtcPort: number): Promise<Sfu> =>
  Sfu.create({ workers, listenIp: '127.0.0.1', rtcPort, log: silentLog });

test('each worker listens on its own port, UDP and TCP, and routers go to the least loaded', async () => {
  const rtcPort = await freePorts(2);
  await using sfu = disposable(await start(2, rtcPort));
  const first = await sfu.createRouter();
  const second = await sfu.createRouter();
  const routers = [first, second];
  expect(new Set(routers.map((router) => router.workerPid))).toEqual(new Set(sfu.workers));
  const candidates = await Promise.all(routers.map(async (router) => (await router.createViewerTransport()).iceCandidates));
  for (const of of candidates) expect(of.map(({ protocol }) => protocol).sort()).toEqual(['tcp', 'udp']);
  expect(new Set(candidates.flat().map(({ port }) => port))).toEqual(new Set([rtcPort, rtcPort + 1]));
  await second.createViewerTransport();
  expect((await sfu.createRouter()).workerPid).toBe(first.workerPid);
  second.close();
  expect((await sfu.createRouter()).workerPid).toBe(second.workerPid);
});

test('a taken port is named, with the setting, and nothing is left running', async () => {
  const rtcPort = await freePorts(2);
  const other = createServer().listen(rtcPort + 1, '127.0.0.1');
  await once(other, 'listening');
  try {
    const before = children();
    await expect(start(2, rtcPort)).rejects.toMatchObject({
      code: 'not_ready',
      message: expect.stringMatching(new RegExp(`RTC_PORT.*port ${rtcPort + 1}`)) as string,
    });
    await expect.poll(children).toEqual(before);
  } finally {
    other.close();
  }
});

test('close ends the worker processes, and leaves signals to the owner', async () => {
  const listeners = () => [process.listenerCount('SIGINT'), process.listenerCount('SIGTERM')];
  const before = listeners();
  const sfu = await start(2, 0);
  expect(listeners()).toEqual(before);
  const pids = sfu.workers;
  expect(pids.every(isRunning)).toBe(true);
  const router = await sfu.createRouter();
  await Promise.all([sfu.close('done'), sfu.close('again')]);
  expect(pids.filter(isRunning)).toEqual([]);
  expect(router.closed).toBe(true);
  await expect(sfu.createRouter()).rejects.toMatchObject({ code: 'not_ready' });
});

test('a worker that dies is reported, its routers are closed, the others go on', async () => {
  await using sfu = disposable(await start(2, 0));
  const routers = await Promise.all([sfu.createRouter(), sfu.createRouter()]);
  const [victim] = sfu.workers;
  const died = once(sfu, 'workerdied');
  process.kill(victim ?? 0, 'SIGKILL');
  expect(await died).toEqual([{ pid: victim }]);
  expect(routers.map((router) => router.closed)).toEqual(routers.map((router) => router.workerPid === victim));
  expect(sfu.workers).not.toContain(victim);
  expect((await sfu.createRouter()).workerPid).toBe(sfu.workers[0]);
});

const disposable = (sfu: Sfu): Sfu & AsyncDisposable =>
  Object.assign(sfu, { [Symbol.asyncDispose]: () => sfu.close('test finished') });

/** mediasoup workers this process has started and not yet reaped. */
const children = (): string[] => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap');
