import { closeSync, openSync, readSync, readFileSync } from 'node:fs';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { TICKS_PER_FRAME, i420Bytes, type AvFrame } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import { VideoEncoder } from '#server/media/encoder.ts';
import { HlsRendition } from '#server/media/hls/rendition.ts';
import { IdleLoop } from '#server/media/idle-loop.ts';
import { createStageProducers } from '#server/media/producers.ts';
import { Sfu } from '#server/media/sfu.ts';
import { Stage } from '#server/media/stage.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';

/**
 * A stage in a process of its own that speaks what two files hold, again and again, so that its CPU can be told from everything else:
 * `node stage-alone.ts PICTURES SOUND WIDTH HEIGHT FRAMES [hls]`. Says `speaking` when the first picture is on air, and at the end how many pictures were encoded.
 */
const [pictures = '', sound = '', width = '', height = '', count = '', hls] = process.argv.slice(2);
const size = { width: Number(width), height: Number(height) };
const frames = Number(count);
const clock = systemClock;

const file = openSync(pictures, 'r');
const voice = new Int16Array(new Uint8Array(readFileSync(sound)).buffer);
const recorded = Math.floor(voice.length / TICKS_PER_FRAME);
const metrics = createMetrics();
const sfu = await Sfu.create({ workers: 1, listenIp: '127.0.0.1', rtcPort: 0, log: silentLog });
const router = await sfu.createRouter();
const producers = await createStageProducers(router, { log: silentLog });
await consumeAll();
const loop = await IdleLoop.build(still(), size, new AbortController().signal);
const stage = Stage.create({ idle: loop, producers, stamped: false, clock, log: silentLog, metrics });
const rendition =
  hls === 'hls'
    ? HlsRendition.create({
        language: 'en',
        mode: 'always',
        subscribe: (sink) => stage.subscribe(sink),
        epochMs: stage.status().epochMs,
        size,
        log: silentLog,
        metrics,
        clock,
      })
    : undefined;

// Counted where it happens, whoever asks for it.
let encoded = 0;
const encode = Object.getOwnPropertyDescriptor(VideoEncoder.prototype, 'encode')?.value as VideoEncoder['encode'];
VideoEncoder.prototype.encode = function counted(...args) {
  encoded += 1;
  return encode.apply(this, args);
};

const outlook = new Outlook(0.1);
outlook.hear(frames * TICKS_PER_FRAME, true);
outlook.draw(frames);
outlook.ended = true;
stage.once('clause', () => process.stdout.write('speaking\n'));
const { outcome } = await stage.play({ utteranceId: 'bench', frames: speech(), outlook });
process.stdout.write(`${JSON.stringify({ outcome, encoded })}\n`);
await rendition?.close('bench over');
await stage.close('bench over');
await sfu.close('bench over');
await loop.close();
closeSync(file);

async function* speech(): AsyncGenerator<AvFrame> {
  const clause = { index: 0, text: 'What the files hold.' };
  for (let frame = 0; frame < frames; frame += 1) {
    const from = frame % recorded;
    const data = picture(from);
    yield await Promise.resolve({
      frame,
      // As the portrait renderer gives its pictures out.
      picture: { ...size, data, free: () => void data.buffer.transfer(0) },
      sound: voice.subarray(from * TICKS_PER_FRAME, (from + 1) * TICKS_PER_FRAME),
      clause,
      startOfClause: frame === 0,
      endOfClause: frame === frames - 1,
    });
  }
}

/** Read as ffmpeg reads its own, by the thread that needs it. */
function picture(frame: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(i420Bytes(size));
  readSync(file, data, 0, data.length, frame * data.length);
  return data;
}

async function* still(): AsyncGenerator<{ width: number; height: number; data: Uint8Array }> {
  const data = picture(0);
  for (let frame = 0; frame < 25; frame += 1) yield await Promise.resolve({ ...size, data });
}

/** One viewer's worth of forwarding, to a port where nobody listens: what it costs is the worker's. */
async function consumeAll(): Promise<void> {
  const transport = await router.router.createPlainTransport({ listenInfo: { protocol: 'udp', ip: '127.0.0.1' } });
  await transport.connect({ ip: '127.0.0.1', port: 9 });
  for (const producerId of [producers.audioProducerId, producers.videoProducerId]) {
    await transport.consume({ producerId, rtpCapabilities: router.rtpCapabilities });
  }
}
