import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { sendTone } from '#test/support/sfu.ts';
import { WhepPeer } from '#test/support/whep-peer.ts';
import { listen } from '#test/support/wrtc.ts';
import { Broadcast } from './broadcast.ts';
import { Sfu } from './sfu.ts';

async function setUp(workers = 1) {
  const sfu = await Sfu.create({ workers, listenIp: '127.0.0.1', rtcPort: 0, log: silentLog });
  onTestFinished(() => sfu.close('test finished'));
  const metrics = createMetrics();
  const routerPids: number[] = [];
  const createRouter = async () => {
    const router = await sfu.createRouter();
    routerPids.push(router.workerPid);
    return router;
  };
  const broadcast = await Broadcast.open({ createRouter, maxViewers: 4, log: silentLog, metrics, clock: systemClock });
  onTestFinished(() => broadcast.close('test finished'));
  const kill = () => process.kill(routerPids.at(-1) ?? 0, 'SIGKILL');
  return { sfu, broadcast, routerPids, kill };
}

async function hears(broadcast: Broadcast): Promise<{ id: string; loudness: number }> {
  const player = new WhepPeer();
  onTestFinished(() => player.close());
  const { id, answer } = await broadcast.offer(await player.offer());
  await player.accept(answer);
  return { id, loudness: await listen(player.track) };
}

test('is heard again after its worker died, from the same packets, each time it dies', async () => {
  const { broadcast, kill } = await setUp();
  sendTone(broadcast);
  const { videoSsrc, audioSsrc, rtpCapabilities } = broadcast;
  let { id, loudness } = await hears(broadcast);
  expect(loudness).toBeGreaterThan(3_000);
  for (let death = 0; death < 2; death += 1) {
    const lost = once(broadcast, 'lost');
    kill();
    expect(await lost).toEqual([{ viewers: 1 }]);
    expect(broadcast.counts).toEqual({ webrtc: 0, whep: 0 });
    await expect(broadcast.patch(id, 'a=ice-ufrag:x', '*')).rejects.toMatchObject({ code: 'not_found' });
    const watched = once(broadcast, 'watched');
    const before = id;
    ({ id, loudness } = await hears(broadcast));
    await watched;
    expect(loudness).toBeGreaterThan(3_000);
    await expect(broadcast.delete(before)).rejects.toMatchObject({ code: 'not_found' });
  }
  expect(broadcast).toMatchObject({ videoSsrc, audioSsrc, rtpCapabilities });
  expect(broadcast.counts).toEqual({ webrtc: 0, whep: 1 });
});

test('goes to a worker that lives rather than waiting for the dead one, and tells nobody lost when nobody watched', async () => {
  const { broadcast, routerPids, kill } = await setUp(2);
  const lost = once(broadcast, 'lost');
  kill();
  expect(await lost).toEqual([{ viewers: 0 }]);
  const viewer = await broadcast.open('webrtc');
  expect(viewer.state).toBe('new');
  expect(new Set(routerPids).size).toBe(2);
});

test('a viewer who left is not lost', async () => {
  const { broadcast, kill } = await setUp();
  const viewer = await broadcast.open('webrtc');
  await viewer.close('left');
  const lost = once(broadcast, 'lost');
  kill();
  expect(await lost).toEqual([{ viewers: 0 }]);
});

test('closed while it is rebuilt, it stays closed and leaves nothing on the worker', async () => {
  const { sfu, broadcast, routerPids, kill } = await setUp();
  const lost = once(broadcast, 'lost');
  kill();
  await lost;
  await broadcast.close('over');
  await expect(broadcast.open('webrtc')).rejects.toMatchObject({ code: 'session_closed' });
  const router = await sfu.createRouter();
  const dump = await (router.router as unknown as { dump(): Promise<{ transportIds: string[] }> }).dump();
  expect(dump.transportIds).toEqual([]);
  expect(routerPids).toHaveLength(2);
});
