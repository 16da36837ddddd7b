import { once } from 'node:events';
import { Device } from 'mediasoup-client';
import type { types as client } from 'mediasoup-client';
import type { types } from 'mediasoup';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { systemClock, VirtualClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { sendTone, startSfu } from '#test/support/sfu.ts';
import { installWrtc, listen } from '#test/support/wrtc.ts';
import { CONNECT_GRACE, GRACE } from './client-transport.ts';
import type { Viewer } from './viewer.ts';
import { Viewers } from './viewers.ts';

beforeAll(installWrtc);

const FINGERPRINT: types.DtlsFingerprint = { algorithm: 'sha-256', value: Array<string>(32).fill('0A').join(':') };

async function setUp({ maxViewers = 4, clock = systemClock } = {}) {
  const { sfu, router, producers } = await startSfu();
  const metrics = createMetrics();
  const viewers = new Viewers({ router, producers, maxViewers, log: silentLog, metrics, clock });
  onTestFinished(() => viewers.close('test finished'));
  const gauge = async (kind: string): Promise<number> =>
    (await metrics.viewers.get()).values.find(({ labels }) => labels.kind === kind)?.value ?? 0;
  return { sfu, router, producers, viewers, gauge };
}

/** A mediasoup-client on a real peer connection, joined as the page joins. */
async function join(viewers: Viewers, viewer: Viewer) {
  const device = new Device({ handlerName: 'Chrome111' });
  await device.load({ routerRtpCapabilities: viewers.rtpCapabilities as client.RtpCapabilities });
  const transport = device.createRecvTransport(viewer.transportOptions as unknown as client.TransportOptions);
  onTestFinished(() => transport.close());
  transport.on('connect', ({ dtlsParameters }, done, fail) => {
    viewer.connect(transport.id, dtlsParameters).then(done, fail);
  });
  const options = await viewer.consume(transport.id, device.recvRtpCapabilities);
  const consumers = await Promise.all(options.map((option) => transport.consume(option as client.ConsumerOptions)));
  return { device, transport, consumers, options };
}

test('a client hears the stage; video is left out for one without H.264; it starts only when resumed', async () => {
  const { producers, viewers } = await setUp();
  sendTone(producers);
  const viewer = await viewers.open('webrtc');
  const connected = once(viewer, 'connected');
  const { consumers, options, transport } = await join(viewers, viewer);
  expect(options.map(({ kind }) => kind)).toEqual(['audio']);
  // What is lost of the voice can be asked for again.
  expect(options[0]?.rtpParameters.codecs[0]?.rtcpFeedback).toContainEqual({ type: 'nack', parameter: '' });
  await connected;
  expect(viewer.state).toBe('connected');
  expect((await viewer.stats()).streams).toMatchObject([{ kind: 'audio', packetsSent: 0 }]);
  const [consumer] = consumers;
  if (!consumer) throw new Error('no consumer');
  await viewer.resume([consumer.id]);
  expect(await listen(consumer.track)).toBeGreaterThan(3_000);
  await expect
    .poll(
      async () => {
        const stats = (await transport.getStats()) as unknown as Map<string, { type: string; packetsReceived?: number }>;
        return stats.values().find(({ type }) => type === 'inbound-rtp')?.packetsReceived;
      },
      { timeout: 20_000 },
    )
    .toBeGreaterThan(20);
  const stats = await viewer.stats();
  expect(stats).toMatchObject({ iceState: 'completed', dtlsState: 'connected' });
  expect(stats.streams[0]?.packetsSent).toBeGreaterThan(20);
});

test('viewers are counted from opening to close, and capped', async () => {
  const { viewers, gauge } = await setUp({ maxViewers: 2 });
  const counts: unknown[] = [];
  viewers.on('count', (now) => counts.push(now));
  const opened = await Promise.allSettled([viewers.open('webrtc'), viewers.open('whep'), viewers.open('webrtc')]);
  expect(opened.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  expect(opened[2]).toMatchObject({ reason: { code: 'too_many_viewers', message: expect.stringContaining('2') as string } });
  expect([await gauge('webrtc'), await gauge('whep')]).toEqual([1, 1]);
  const [first] = opened;
  const viewer = first.status === 'fulfilled' ? first.value : undefined;
  await Promise.all([viewer?.close('left'), viewer?.close('left again')]);
  expect(viewers.counts).toEqual({ webrtc: 0, whep: 1 });
  expect(await gauge('webrtc')).toBe(0);
  await viewers.open('webrtc');
  await viewers.close('over');
  expect([await gauge('webrtc'), await gauge('whep')]).toEqual([0, 0]);
  expect(counts.at(-1)).toEqual({ webrtc: 0, whep: 0 });
  await expect(viewers.open('webrtc')).rejects.toMatchObject({ code: 'session_closed' });
});

test('what is not one’s own is not found; what is done is not done twice', async () => {
  const { viewers } = await setUp();
  const [one, other] = [await viewers.open('webrtc'), await viewers.open('webrtc')];
  const mine = one.transportOptions.id;
  const foreign = other.transportOptions.id;
  const dtls: types.DtlsParameters = { role: 'client', fingerprints: [FINGERPRINT] };
  const notFound = { code: 'not_found' };
  await expect(one.connect(foreign, dtls)).rejects.toMatchObject(notFound);
  await expect(one.consume(foreign, viewers.rtpCapabilities)).rejects.toMatchObject(notFound);
  await expect(one.restartIce(foreign)).rejects.toMatchObject(notFound);
  const theirs = await other.consume(foreign, viewers.rtpCapabilities);
  expect(theirs.map(({ kind }) => kind).sort()).toEqual(['audio', 'video']);
  await expect(one.resume(theirs.map(({ id }) => id))).rejects.toMatchObject(notFound);
  await expect(other.consume(foreign, viewers.rtpCapabilities)).rejects.toMatchObject({ code: 'conflict' });
  await one.connect(mine, dtls);
  await expect(one.connect(mine, dtls)).rejects.toMatchObject({ code: 'conflict' });
  await one.close('left');
  await expect(one.consume(mine, viewers.rtpCapabilities)).rejects.toMatchObject(notFound);
});

test('bad parameters are refused before or by the worker, which lives on', async () => {
  const { sfu, viewers } = await setUp();
  const viewer = await viewers.open('webrtc');
  const { id } = viewer.transportOptions;
  const refused = { code: 'bad_request' };
  await expect(viewer.connect(id, { fingerprints: [] })).rejects.toMatchObject(refused);
  const bad = { algorithm: 'md5', value: 'x' } as unknown as types.DtlsFingerprint;
  await expect(viewer.connect(id, { fingerprints: [bad] })).rejects.toMatchObject(refused);
  await expect(viewer.connect(id, { role: 'nobody' as 'auto', fingerprints: [FINGERPRINT] })).rejects.toMatchObject(refused);
  for (const codecs of [[], [{ kind: 'audio', mimeType: 'audio/PCMU', clockRate: 8_000 }], [{ mimeType: 'audio' }], 'opus']) {
    await expect(viewer.consume(id, { codecs } as unknown as types.RtpCapabilities)).rejects.toMatchObject(refused);
  }
  await viewer.connect(id, { role: 'client', fingerprints: [FINGERPRINT] });
  expect(sfu.workers).toHaveLength(1);
});

test('a viewer that never connects is given up and reported', async () => {
  const clock = new VirtualClock();
  const { viewers, gauge } = await setUp({ clock });
  const closed = once(viewers, 'viewerclose');
  const viewer = await viewers.open('webrtc');
  await clock.advance(CONNECT_GRACE - 1);
  expect(viewer.state).toBe('new');
  await clock.advance(1);
  expect(await closed).toEqual([viewer, 'never connected']);
  expect(await gauge('webrtc')).toBe(0);
});

test('a connected viewer outlives the grace, and leaves with its own DTLS', async () => {
  const clock = new VirtualClock();
  const { viewers } = await setUp({ clock });
  const viewer = await viewers.open('webrtc');
  const connected = once(viewer, 'connected');
  const { transport } = await join(viewers, viewer);
  await connected;
  await clock.advance(10 * GRACE);
  expect(viewer.state).toBe('connected');
  const closed = once(viewers, 'viewerclose');
  transport.close();
  expect(await closed).toEqual([viewer, 'dtls closed']);
});

test('a worker that dies takes its viewers along, counted', async () => {
  const { sfu, viewers, gauge } = await setUp();
  await viewers.open('webrtc');
  const closed = once(viewers, 'viewerclose');
  process.kill(sfu.workers[0] ?? 0, 'SIGKILL');
  await closed;
  expect(viewers.counts.webrtc).toBe(0);
  expect(await gauge('webrtc')).toBe(0);
});
