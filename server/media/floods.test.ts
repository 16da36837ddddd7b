import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { types } from 'mediasoup';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { sendTone, startSfu } from '#test/support/sfu.ts';
import { WhepPeer } from '#test/support/whep-peer.ts';
import { listen } from '#test/support/wrtc.ts';
import { MAX_TRANSPORTS } from './stage-router.ts';
import { Viewers } from './viewers.ts';
import { Whep } from './whep.ts';

async function setUp(maxViewers = 50) {
  const { sfu, router, producers } = await startSfu();
  const sent = sendTone(producers);
  const viewers = new Viewers({ router, producers, maxViewers, log: silentLog, metrics: createMetrics(), clock: systemClock });
  onTestFinished(() => viewers.close('test finished'));
  const whep = new Whep({ router, producers, viewers, log: silentLog });
  onTestFinished(() => whep.close('test finished'));
  return { sfu, viewers, watch: () => watch(whep, sent) };
}

/** A viewer that really receives what is `sent`. */
async function watch(whep: Whep, sent: () => number) {
  const peer = new WhepPeer();
  onTestFinished(() => peer.close());
  const { answer } = await whep.offer(await peer.offer());
  await peer.accept(answer);
  expect(await listen(peer.track, 0.2)).toBeGreaterThan(3_000);
  const received = async (): Promise<number> => {
    const stats = [...(await peer.pc.getStats()).values()] as { type: string; packetsReceived?: number }[];
    return stats.find(({ type }) => type === 'inbound-rtp')?.packetsReceived ?? 0;
  };
  /** Packets received in `ms`, as a share of those sent meanwhile: a busy machine makes fewer of them. */
  return async (ms: number): Promise<number> => {
    const before = { sent: sent(), received: await received() };
    await sleep(ms);
    const after = { sent: sent(), received: await received() };
    expect(after.sent - before.sent).toBeGreaterThan(ms / 100);
    return (after.received - before.received) / (after.sent - before.sent);
  };
}

/** A STUN binding request (RFC 8489) as ICE sends it, for `username`, whose MESSAGE-INTEGRITY is of no password. */
function binding(username: string): Buffer {
  const attribute = (type: number, value: Buffer): Buffer => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(type, 0);
    head.writeUInt16BE(value.length, 2);
    return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
  };
  const attributes = Buffer.concat([
    attribute(0x0006, Buffer.from(username)),
    attribute(0x0024, Buffer.from([0x6e, 0x7f, 0xff, 0xff])),
    attribute(0x802a, randomBytes(8)),
    attribute(0x0025, Buffer.alloc(0)),
    attribute(0x0008, randomBytes(20)),
  ]);
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x0001, 0);
  head.writeUInt16BE(attributes.length, 2);
  head.writeUInt32BE(0x2112a442, 4);
  return Buffer.concat([head, randomBytes(12), attributes]);
}

const garbage = (): Buffer => randomBytes(randomInt(1, 1_400));
const rtp = (): Buffer => Buffer.concat([Buffer.from([0x80, 111]), randomBytes(200)]);
/** The start of a DTLS ClientHello, and then nonsense. */
const hello = (): Buffer => Buffer.concat([Buffer.from('16feff0000000000000000', 'hex'), randomBytes(200)]);

const cpuMs = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
};

test('garbage, STUN with wrong credentials, RTP and DTLS from strangers, thousands a second over UDP and TCP: viewers keep their sound', async () => {
  const { sfu, viewers, watch } = await setUp();
  const share = await watch();
  const victim = await viewers.open('webrtc');
  const { iceCandidates, iceParameters } = victim;
  const udp = iceCandidates.find(({ protocol }) => protocol === 'udp');
  const tcp = iceCandidates.find(({ protocol }) => protocol === 'tcp');
  if (!udp || !tcp) throw new Error('no candidates');
  const [worker = 0] = sfu.workers;
  const kinds = [
    garbage,
    rtp,
    hello,
    () => binding(`${iceParameters.usernameFragment}:x`),
    () => binding(`${randomBytes(8).toString('hex')}:x`),
    () => binding('x'.repeat(500)),
  ];
  const sockets = Array.from({ length: 20 }, () => createSocket('udp4'));
  const streams = Array.from({ length: 20 }, () => connect(tcp.port, '127.0.0.1').on('error', () => undefined));
  onTestFinished(() => {
    for (const socket of sockets) socket.close();
    for (const stream of streams) stream.destroy();
  });
  let sent = 0;
  const flood = setInterval(() => {
    for (let n = 0; n < 60; n += 1, sent += 1) {
      const packet = kinds[sent % kinds.length]?.() ?? garbage();
      if (n % 6 < 5) sockets[sent % sockets.length]?.send(packet, udp.port, '127.0.0.1');
      else {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(packet.length);
        const stream = streams[sent % streams.length];
        if (stream?.writable && stream.writableLength < 1_000_000)
          stream.write(sent % 2 ? Buffer.concat([length, packet]) : packet);
      }
    }
  }, 20);
  onTestFinished(() => clearInterval(flood));
  const before = cpuMs(worker);
  const during = await share(4_000);
  const spent = cpuMs(worker) - before;
  clearInterval(flood);
  expect(sent).toBeGreaterThan(2_000);
  expect(during).toBeGreaterThan(0.9);
  expect(spent / sent, `ms of CPU per packet: ${spent} ms for ${sent}`).toBeLessThan(0.3);
  expect(sfu.workers).toEqual([worker]);
  expect(victim.state).toBe('new');
  const again = await watch();
  expect(await again(500)).toBeGreaterThan(0.5);
});

test('connections to the media port that say nothing do not keep viewers out', async () => {
  const { viewers, watch } = await setUp();
  const { port } = (await viewers.open('webrtc')).iceCandidates.find(({ protocol }) => protocol === 'tcp') ?? { port: 0 };
  const idle = Array.from({ length: 300 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  onTestFinished(() => idle.forEach((socket) => socket.destroy()));
  await Promise.all(idle.map((socket) => once(socket, 'connect')));
  const share = await watch();
  expect(await share(1_000)).toBeGreaterThan(0.8);
});

test('a viewer that restarts ICE hundreds of times, and DTLS parameters of every odd kind, harm nobody else', async () => {
  const { sfu, viewers, watch } = await setUp();
  const workers = sfu.workers;
  const share = await watch();
  const restless = await viewers.open('webrtc');
  for (let n = 0; n < 500; n += 1) await restless.restartIce(restless.transportOptions.id);
  const odd: types.DtlsParameters[] = [
    { role: 'server', fingerprints: [{ algorithm: 'sha-256', value: 'AB:CD' }] },
    { role: 'client', fingerprints: [{ algorithm: 'sha-512', value: Array(20_000).fill('AB').join(':') }] },
    { role: 'auto', fingerprints: [{ algorithm: 'sha-1', value: '' }] },
    { fingerprints: Array(8).fill({ algorithm: 'sha-256', value: 'zz' }) as types.DtlsFingerprint[] },
    { fingerprints: [] },
    { role: 'client', fingerprints: [{ algorithm: 'sha-256', value: 'AB:CD\r\n\0' }] },
  ];
  for (const dtlsParameters of odd) {
    const viewer = await viewers.open('webrtc');
    const { id } = viewer.transportOptions;
    await viewer.connect(id, dtlsParameters).catch((error: unknown) => expect(error).toMatchObject({ code: 'bad_request' }));
  }
  expect(await share(1_000)).toBeGreaterThan(0.8);
  expect(sfu.workers).toEqual(workers);
});

test('capabilities that are bombs: refused as bad requests, or taken as far as they make sense', async () => {
  const { sfu, viewers, watch } = await setUp();
  const workers = sfu.workers;
  const share = await watch();
  const good = viewers.rtpCapabilities;
  const deep = JSON.parse('{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000)) as object;
  const codec = good.codecs?.[0];
  if (!codec) throw new Error('no codec');
  const bombs: unknown[] = [
    { ...good, deep },
    { codecs: [{ ...codec, parameters: deep }] },
    { codecs: [{ ...codec, parameters: Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`p${n}`, n])) }] },
    { codecs: Array(64).fill({ ...codec, rtcpFeedback: Array(500).fill({ type: 'nack', parameter: 'pli' }) }) },
    {
      ...good,
      headerExtensions: Array.from({ length: 64 }, (_, n) => ({ kind: 'audio', uri: 'u'.repeat(256), preferredId: n + 1 })),
    },
    { codecs: [{ ...codec, preferredPayloadType: 1e9 }] },
    { codecs: [{ ...codec, clockRate: -1, channels: 1e9 }] },
    { codecs: [JSON.parse('{"__proto__":{"kind":"audio"},"mimeType":"audio/opus"}')] },
  ];
  for (const bomb of bombs) {
    const viewer = await viewers.open('webrtc');
    const consuming = viewer.consume(viewer.transportOptions.id, bomb as types.RtpCapabilities);
    await consuming.catch((error: unknown) => expect(error).toMatchObject({ code: 'bad_request' }));
    await viewer.close('next');
  }
  expect(await share(1_000)).toBeGreaterThan(0.8);
  expect(sfu.workers).toEqual(workers);
});

test('a worker takes so many transports, of all sessions together, and has room again when they are gone', async () => {
  const { viewers, sfu } = await setUp(10_000);
  const router = await sfu.createRouter();
  const opened = await Promise.allSettled(Array.from({ length: MAX_TRANSPORTS + 20 }, () => router.createClientTransport()));
  expect(opened.filter(({ status }) => status === 'fulfilled')).toHaveLength(MAX_TRANSPORTS);
  await expect(viewers.open('webrtc')).rejects.toMatchObject({ code: 'too_many_viewers' });
  router.close();
  await viewers.open('webrtc');
});
