import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { execa, type ResultPromise } from 'execa';
import type { types } from 'mediasoup';
import { systemClock, sleep } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { TICKS_PER_FRAME, i420Bytes, type AvFrame, type VideoFrame } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import { AUDIO_PAYLOAD_TYPE, H264_PARAMETERS, OPUS_PARAMETERS, VIDEO_PAYLOAD_TYPE } from '#server/media/codecs.ts';
import { IdleLoop } from '#server/media/idle-loop.ts';
import { createStageProducers } from '#server/media/producers.ts';
import { Sfu } from '#server/media/sfu.ts';
import { Stage } from '#server/media/stage.ts';
import type { StageRouter } from '#server/media/stage-router.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { cpuSeconds, percentile, round, type BenchResult } from './bench.ts';

const SIZE = { width: 512, height: 512 };
const STEP = 50;
const MEASURE_MS = 4_000;
/** A packet that comes later than this after the one it was sent with counts as lost: nobody waits for it. */
const LATE_MS = 200;
const MAX_LOSS = 0.005;
const MOST = 2_000;

/** Consumers that one worker serves before its viewers lose packets: behind our stage, and behind bare mediasoup. */
export async function run(): Promise<BenchResult> {
  const [ours, bare] = [await capacity('stage'), await capacity('bare')];
  const ratio = ours.consumers / bare.consumers;
  const row = (path: string, { consumers, cpu, packets }: Capacity) => ({
    path,
    'consumers before loss': consumers,
    'worker % of a core there': round(cpu * 100),
    'packets/s per viewer': round(packets),
    'worker % per 100 consumers': round((cpu / consumers) * 10_000),
  });
  return {
    what: `Viewers of one talking stage (${String(SIZE.width)}²@25 and its voice) on one worker, by plain RTP to a port on this machine, ${String(STEP)} more each step, until one of them misses more than ${String(MAX_LOSS * 100)} % of its packets or gets them ${String(LATE_MS)} ms late: fed by our stage (DirectTransport), and by the same packets sent to a bare mediasoup PlainTransport.`,
    goal: 'stage : bare mediasoup ≥ 0.95',
    met: ratio >= 0.95,
    rows: [
      row('our stage', ours),
      row('bare mediasoup', bare),
      { path: 'stage : bare', 'consumers before loss': round(ratio, 2) },
    ],
  };
}

interface Capacity {
  readonly consumers: number;
  readonly cpu: number;
  readonly packets: number;
}

interface Producers {
  readonly ids: readonly string[];
  readonly parts: Parameters<typeof Stage.create>[0]['producers'];
}

async function capacity(path: 'stage' | 'bare'): Promise<Capacity> {
  const sfu = await Sfu.create({ workers: 1, listenIp: '127.0.0.1', rtcPort: 0, log: silentLog });
  const router = await sfu.createRouter();
  const producers = path === 'stage' ? await direct(router) : await plain(router);
  const loop = await IdleLoop.build(noise(25), SIZE, new AbortController().signal);
  const stage = Stage.create({
    idle: loop,
    producers: producers.parts,
    stamped: false,
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
  });
  // A keyframe each second, so that who joins later is sent pictures as well: bare mediasoup has nobody who would ask the encoder.
  stage.subscribe({ write: () => undefined });
  const probe = await Probe.open(router, producers.ids);
  const deaf = await Deaf.open();
  const outlook = new Outlook(0.1);
  outlook.hear(1e9, true);
  outlook.draw(1e6);
  outlook.ended = true;
  const spoken = stage.play({ utteranceId: 'bench', frames: talk(), outlook });
  try {
    let best: Capacity = { consumers: 0, cpu: 0, packets: 0 };
    for (let consumers = 1; consumers < MOST;) {
      for (let more = 0; more < STEP; more += 1) await consume(router, producers.ids, deaf.port);
      consumers += STEP;
      await sleep(systemClock, 500);
      const { lost, cpu, packets } = await probe.measure(sfu.workers[0] ?? 0);
      process.stderr.write(
        `${path}: ${String(consumers)} consumers, ${String(round(lost * 100, 2))} % lost, worker ${String(round(cpu * 100))} %\n`,
      );
      if (lost > MAX_LOSS) break;
      best = { consumers, cpu, packets };
    }
    return best;
  } finally {
    stage.cut();
    await spoken;
    await stage.close('bench over');
    probe.close();
    await deaf.close();
    await sfu.close('bench over');
    await loop.close();
  }
}

async function direct(router: StageRouter): Promise<Producers> {
  const producers = await createStageProducers(router, { log: silentLog });
  return { ids: [producers.audioProducerId, producers.videoProducerId], parts: producers };
}

/** What mediasoup alone would be fed with: RTP over UDP. */
async function plain(router: StageRouter): Promise<Producers> {
  const [videoSsrc, audioSsrc] = [11_111, 22_222];
  const transport = await router.router.createPlainTransport({ listenInfo: { protocol: 'udp', ip: '127.0.0.1' }, comedia: true });
  const produce = (kind: types.MediaKind, codec: types.RtpCodecParameters, ssrc: number) =>
    transport.produce({ kind, rtpParameters: { codecs: [codec], encodings: [{ ssrc }] } });
  const video = { mimeType: 'video/H264', payloadType: VIDEO_PAYLOAD_TYPE, clockRate: 90_000, parameters: H264_PARAMETERS };
  const audio = {
    mimeType: 'audio/opus',
    payloadType: AUDIO_PAYLOAD_TYPE,
    clockRate: 48_000,
    channels: 2,
    parameters: OPUS_PARAMETERS,
  };
  const made = [await produce('audio', audio, audioSsrc), await produce('video', video, videoSsrc)];
  const socket = createSocket('udp4').unref();
  const send = (packet: Uint8Array): void => socket.send(packet, transport.tuple.localPort, '127.0.0.1');
  transport.observer.once('close', () => socket.close());
  return {
    ids: made.map(({ id }) => id),
    parts: {
      videoSsrc,
      audioSsrc,
      sendVideo: (packets) => packets.forEach(send),
      sendAudio: send,
      onKeyframeRequest: () => undefined,
    },
  };
}

async function consume(
  { router, rtpCapabilities }: StageRouter,
  producerIds: readonly string[],
  port: number,
): Promise<types.Consumer[]> {
  const transport = await router.createPlainTransport({ listenInfo: { protocol: 'udp', ip: '127.0.0.1' } });
  await transport.connect({ ip: '127.0.0.1', port });
  return Promise.all(producerIds.map((producerId) => transport.consume({ producerId, rtpCapabilities })));
}

const DEAF = { reject: false, buffer: false, stdin: 'ignore' } as const;

/** A port that takes packets and never reads them, so that looking at them costs nothing: a process that is stopped. */
class Deaf {
  readonly port: number;
  readonly #child: ResultPromise<typeof DEAF>;

  private constructor(child: ResultPromise<typeof DEAF>, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async open(): Promise<Deaf> {
    const program = `const s = require('node:dgram').createSocket('udp4').bind(0, '127.0.0.1', () => console.log(s.address().port))`;
    const child = execa(process.execPath, ['-e', program], DEAF);
    const [port] = (await once(child.stdout, 'data')) as [Buffer];
    child.kill('SIGSTOP');
    return new Deaf(child, Number(port.toString()));
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#child;
  }
}

/** One viewer that looks at each packet. */
class Probe {
  readonly #socket: Socket;
  readonly #clockRates: ReadonlyMap<number, number>;
  #packets: { readonly ssrc: number; readonly sequence: number; readonly delay: number }[] = [];

  private constructor(socket: Socket, clockRates: ReadonlyMap<number, number>) {
    this.#socket = socket;
    this.#clockRates = clockRates;
    socket.on('message', (data) => this.#take(data));
  }

  static async open(router: StageRouter, producerIds: readonly string[]): Promise<Probe> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const consumers = await consume(router, producerIds, socket.address().port);
    const rates = consumers.map(
      ({ kind, rtpParameters }) => [rtpParameters.encodings?.[0]?.ssrc ?? 0, kind === 'video' ? 90 : 48] as const,
    );
    return new Probe(socket, new Map(rates));
  }

  async measure(worker: number): Promise<{ lost: number; cpu: number; packets: number }> {
    this.#packets = [];
    const [cpu, started] = [cpuSeconds(worker), performance.now()];
    await sleep(systemClock, MEASURE_MS);
    const seconds = (performance.now() - started) / 1_000;
    const used = (cpuSeconds(worker) - cpu) / seconds;
    const lost = [...this.#clockRates.keys()].map((ssrc) => missing(this.#packets.filter((packet) => packet.ssrc === ssrc)));
    return { lost: Math.max(...lost), cpu: used, packets: this.#packets.length / seconds };
  }

  close(): void {
    this.#socket.close();
  }

  /** RTP header, RFC 3550 §5.1. */
  #take(data: Buffer): void {
    const rate = data.length < 12 ? undefined : this.#clockRates.get(data.readUInt32BE(8));
    if (rate === undefined) return;
    const delay = performance.now() - data.readUInt32BE(4) / rate;
    this.#packets.push({ ssrc: data.readUInt32BE(8), sequence: data.readUInt16BE(2), delay });
  }
}

/** Share of packets that never came, or came later than `LATE_MS` after the quickest. */
function missing(packets: readonly { readonly sequence: number; readonly delay: number }[]): number {
  const [first, last] = [packets[0], packets.at(-1)];
  if (!first || !last) return 1;
  const sent = ((last.sequence - first.sequence + 65_536) % 65_536) + 1;
  const quickest = percentile(
    packets.map(({ delay }) => delay),
    0,
  );
  const inTime = packets.filter(({ delay }) => delay - quickest <= LATE_MS).length;
  return 1 - inTime / sent;
}

/** Pictures that cost about the bitrate of a face: noise that changes little. */
async function* noise(frames: number): AsyncGenerator<VideoFrame> {
  for (let frame = 0; frame < frames; frame += 1) yield await Promise.resolve(grain(frame));
}

function grain(frame: number): VideoFrame {
  const data = new Uint8Array(i420Bytes(SIZE)).fill(128);
  for (let at = 0; at < SIZE.width * SIZE.height; at += 1)
    data[at] = 96 + ((at * 31 + (at >> 9) * 17 + (frame % 25) * ((at >> 12) % 3)) % 64);
  return { ...SIZE, data };
}

async function* talk(): AsyncGenerator<AvFrame> {
  const pictures = Array.from({ length: 25 }, (_, frame) => grain(frame));
  const clause = { index: 0, text: 'On and on.' };
  for (let frame = 0; ; frame += 1) {
    const sound = Int16Array.from({ length: TICKS_PER_FRAME }, (_, tick) => 8_000 * Math.sin((tick * Math.PI) / 60));
    yield await Promise.resolve({
      frame,
      sound,
      clause,
      startOfClause: frame === 0,
      endOfClause: false,
      picture: pictures[frame % 25],
    });
  }
}
