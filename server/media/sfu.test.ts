import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { createLog, silentLog } from '#base/log.ts';
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
  const candidates = await Promise.all(routers.map(async (router) => (await router.createClientTransport()).iceCandidates));
  for (const of of candidates) expect(of.map(({ protocol }) => protocol).sort()).toEqual(['tcp', 'udp']);
  expect(new Set(candidates.flat().map(({ port }) => port))).toEqual(new Set([rtcPort, rtcPort + 1]));
  await second.createClientTransport();
  expect((await sfu.createRouter()).workerPid).toBe(first.workerPid);
  second.close();
  expect((await sfu.createRouter()).workerPid).toBe(second.workerPid);
});

test('a taken port is named, with the setting, and nothing is left running', async () => {
  const rtcPort = await freePorts(2);
  const other = createServer().listen(rtcPort + 1, '127.0.0.1');
  await once(other, 'listening');
  try {
    // Those of the test before may still be ending.
    await expect.poll(children).toEqual([]);
    await expect(start(2, rtcPort)).rejects.toMatchObject({
      code: 'not_ready',
      message: expect.stringMatching(new RegExp(`RTC_PORT.*port ${rtcPort + 1}`)) as string,
    });
    await expect.poll(children).toEqual([]);
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

test('a dead worker is replaced on the same port, and routers asked for meanwhile wait for it', async () => {
  const rtcPort = await freePorts(1);
  await using sfu = disposable(await start(1, rtcPort));
  for (let death = 0; death < 3; death += 1) {
    const [victim = 0] = sfu.workers;
    const died = once(sfu, 'workerdied');
    process.kill(victim, 'SIGKILL');
    await died;
    expect(sfu.missing).toBe(1);
    const router = await sfu.createRouter();
    expect(sfu.missing).toBe(0);
    expect(router.workerPid).not.toBe(victim);
    const { iceCandidates } = await router.createClientTransport();
    expect(new Set(iceCandidates.map(({ port }) => port))).toEqual(new Set([rtcPort]));
  }
});

test('a port that stays taken is tried ever less often, a router is refused in the end, and it heals', async () => {
  const rtcPort = await freePorts(1);
  const errors: string[] = [];
  const log = createLog('error', { write: (line) => errors.push(line) });
  await using sfu = disposable(await Sfu.create({ workers: 1, listenIp: '127.0.0.1', rtcPort, log }));
  const squatter = createServer();
  const died = once(sfu, 'workerdied');
  process.kill(sfu.workers[0] ?? 0, 'SIGKILL');
  await died;
  squatter.listen(rtcPort, '127.0.0.1');
  await once(squatter, 'listening');
  await expect(sfu.createRouter()).rejects.toMatchObject({ code: 'not_ready' });
  const failures = errors.filter((line) => line.includes('could not be replaced')).length;
  expect(failures).toBeGreaterThanOrEqual(2);
  // 0, 0.1, 0.3, 0.7, 1.5, 3.1 s after the death, each with the time a worker takes to start.
  expect(failures).toBeLessThanOrEqual(6);
  expect(sfu.workers).toEqual([]);
  const back = once(sfu, 'workerback');
  squatter.close();
  await back;
  expect((await sfu.createRouter()).closed).toBe(false);
});

const disposable = (sfu: Sfu): Sfu & AsyncDisposable =>
  Object.assign(sfu, { [Symbol.asyncDispose]: () => sfu.close('test finished') });

/** mediasoup workers this process has started and not yet reaped. */
const children = (): string[] => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap');
