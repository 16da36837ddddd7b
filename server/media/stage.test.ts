import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sleep as sleepOn, systemClock } from '#base/clock.ts';
import { createLog } from '#base/log.ts';
import { TICKS_PER_FRAME, i420Bytes, type AvFrame, type Packet, type VideoFrame } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import { createMetrics, type Metrics } from '#server/telemetry/metrics.ts';
import { PLAYOUT_DELAY_ID } from './codecs.ts';
import { IdleLoop } from './idle-loop.ts';
import { parseRtp } from './rtp.ts';
import { Stage } from './stage.ts';
import type { Speech } from './types.ts';

const SIZE = { width: 128, height: 128 };
const sleep = (ms: number): Promise<void> => sleepOn(systemClock, ms);

/** A grey picture with a bright bar at `phase` (0–1) of its width. */
function bar(phase: number, level = 200): VideoFrame & { data: Uint8Array<ArrayBuffer> } {
  const data = new Uint8Array(i420Bytes(SIZE)).fill(128);
  const at = Math.round(phase * (SIZE.width - 16));
  for (let y = 0; y < SIZE.height; y += 1) data.fill(level, y * SIZE.width + at, y * SIZE.width + at + 16);
  return { ...SIZE, data };
}

/** Two seconds, the bar going there and back. */
async function* idlePictures(): AsyncGenerator<VideoFrame> {
  for (let i = 0; i < 50; i += 1) yield await Promise.resolve(bar(0.5 - 0.5 * Math.cos((2 * Math.PI * i) / 50)));
}

/** `freed` collects the frames whose picture the stage let go; it then is empty, so that a later look at it fails. */
function speech(frames: number, drawn = frames, freed: number[] = []): Speech {
  const picture = (frame: number): VideoFrame => {
    const drawn = bar((frame % 25) / 25, 230);
    return { ...drawn, free: () => void (drawn.data.buffer.transfer(0), freed.push(frame)) };
  };
  const outlook = new Outlook(0.1);
  outlook.hear(frames * TICKS_PER_FRAME, true);
  outlook.draw(frames);
  outlook.ended = true;
  async function* read(): AsyncGenerator<AvFrame> {
    for (let frame = 0; frame < frames; frame += 1) {
      const sound = Int16Array.from({ length: TICKS_PER_FRAME }, (_, i) => 8_000 * Math.sin((2 * Math.PI * 440 * i) / 48_000));
      const clause = { index: 0, text: 'A clause.' };
      yield await Promise.resolve({
        frame,
        sound,
        clause,
        startOfClause: frame === 0,
        endOfClause: frame === frames - 1,
        picture: frame < drawn ? picture(frame) : undefined,
      });
    }
  }
  return { utteranceId: 'u', frames: read(), outlook };
}

describe('stage', () => {
  let loop: IdleLoop;
  let stage: Stage;
  let requestKeyframe: () => void = () => undefined;
  let metrics: Metrics;
  const rtp: Uint8Array[] = [];
  const complaints: string[] = [];

  beforeEach(async () => {
    rtp.length = 0;
    complaints.length = 0;
    metrics = createMetrics();
    loop = await IdleLoop.build(idlePictures(), SIZE, new AbortController().signal);
    stage = Stage.create({
      idle: loop,
      producers: {
        videoSsrc: 1,
        audioSsrc: 2,
        sendVideo: (packets) => rtp.push(...packets),
        sendAudio: (packet) => rtp.push(packet),
        onKeyframeRequest: (callback) => (requestKeyframe = callback),
      },
      stamped: false,
      clock: systemClock,
      log: createLog('warn', { write: (line) => complaints.push(line) }),
      metrics,
    });
  });
  afterEach(async () => {
    await stage.close('test over');
    await loop.close();
    expect(complaints).toEqual([]);
  });

  it('joins stored and live packets into one stream that decodes without an error, picture for picture', async () => {
    const packets: Packet[] = [];
    stage.subscribe({ write: (packet) => packets.push(packet) });
    await sleep(1_200);
    const report = await stage.play(speech(40));
    expect(report).toMatchObject({ outcome: 'done', spoken: [{ complete: true }] });
    await sleep(2_200);
    const video = packets.filter((packet) => packet.kind === 'video');
    const first = video.findIndex((packet) => packet.keyframe);
    const stream = video.slice(first);
    expect(stream.length).toBeGreaterThan(90);
    stream.slice(1).forEach((packet, i) => expect(packet.ticks).toBeGreaterThan(stream[i]?.ticks ?? 0));
    for (const packet of stream) if (packet.ticks % 48_000 === 0) expect(packet.keyframe).toBe(true);
    const h264 = Buffer.concat(stream.map((packet) => packet.data));
    const { stdout, stderr } = await execa('ffmpeg', ['-v', 'error', '-f', 'h264', '-i', 'pipe:0', '-f', 'rawvideo', 'pipe:1'], {
      input: h264,
      encoding: 'buffer',
    });
    expect(Buffer.from(stderr).toString()).toBe('');
    expect(stdout.length / i420Bytes(SIZE)).toBe(stream.length);
    const stored = new Set(Array.from({ length: loop.frames }, (_, i) => loop.packet(i).data));
    const kinds = stream.map((packet) => (stored.has(packet.data) ? 's' : 'l')).join('');
    expect(kinds).toMatch(/^s*l{40,}s+$/);
    const seams = await metrics.seamError.get();
    expect(seams.values.filter((value) => value.metricName === 'seam_error_count').map((value) => value.value)).toEqual([1, 1]);
  });

  it('lets each spoken picture go once the next one is shown, and none that a cut or a fade still needs', async () => {
    const freed: number[] = [];
    const cut = stage.play(speech(100, 100, freed));
    while (freed.length < 10) await sleep(5);
    stage.cut();
    await cut;
    const again = stage.play(speech(40, 40, freed));
    await sleep(100);
    stage.cut();
    await again;
    // Those of a voice that might have gone on are let go with the next idle picture.
    await sleep(200);
    freed.length = 0;
    await stage.play(speech(20, 20, freed));
    await sleep(400);
    expect(freed).toEqual(Array.from({ length: 19 }, (_, frame) => frame));
  });

  it('answers a keyframe request in the middle of a stored second, then goes back to stored packets', async () => {
    const packets: Packet[] = [];
    stage.subscribe({ write: (packet) => packets.push(packet) });
    await sleep(1_100);
    // Somewhere well inside a second, and not within 200 ms of its own keyframe.
    while (stage.status().frame % 25 !== 9) await sleep(5);
    requestKeyframe();
    requestKeyframe();
    const asked = stage.status().frame;
    await sleep(1_500);
    const keyframes = packets
      .filter((packet) => packet.kind === 'video' && packet.keyframe)
      .map((packet) => packet.ticks / TICKS_PER_FRAME);
    const answers = keyframes.filter((frame) => frame > asked && frame % 25 !== 0);
    expect(answers).toHaveLength(1);
    expect((answers[0] ?? 0) - asked).toBeLessThanOrEqual(3);
    const stored = new Set(Array.from({ length: loop.frames }, (_, i) => loop.packet(i).data));
    expect(stored.has(packets.filter((packet) => packet.kind === 'video').at(-1)?.data ?? new Uint8Array())).toBe(true);
  });

  it('stamps sound and picture of an instant from one clock', async () => {
    await stage.play(speech(10));
    await sleep(100);
    const headers = rtp.map((packet) => parseRtp(packet));
    const video = headers.filter((header) => header?.ssrc === 1).map((header) => ((header?.timestamp ?? 0) * 8) / 15);
    const audio = headers.filter((header) => header?.ssrc === 2).map((header) => header?.timestamp ?? 0);
    expect(audio.length).toBeGreaterThan(20);
    audio.slice(1).forEach((timestamp, i) => expect(timestamp - (audio[i] ?? 0)).toBe(960));
    for (const ticks of video) expect(ticks % TICKS_PER_FRAME).toBe(0);
  });

  it('lets viewers hold pictures back once packets are lost, and not before', async () => {
    await sleep(120);
    const before = rtp.length;
    stage.allowCushion();
    await sleep(120);
    const delays = rtp.map((packet) => parseRtp(packet)?.extensions.get(PLAYOUT_DELAY_ID)?.at(2));
    expect(new Set(delays.slice(0, before))).toEqual(new Set([undefined, 0]));
    expect(new Set(delays.slice(before))).toEqual(new Set([undefined, 40]));
  });

  it('keeps the voice whole and shows the idle face when pictures stop coming', async () => {
    const packets: Packet[] = [];
    stage.subscribe({ write: (packet) => packets.push(packet) });
    const before = (await metrics.playoutLateFrames.get()).values[0]?.value ?? 0;
    const report = await stage.play(speech(60, 20));
    await sleep(300);
    expect(report.outcome).toBe('done');
    const spoken = packets.filter((packet) => packet.kind === 'audio' && packet.data.length > 10);
    expect(spoken).toHaveLength(120);
    spoken.slice(1).forEach((packet, i) => expect(packet.ticks - (spoken[i]?.ticks ?? 0)).toBe(960));
    const from = (spoken[0]?.ticks ?? 0) / TICKS_PER_FRAME;
    const shown = packets.filter((packet) => packet.kind === 'video').map((packet) => packet.ticks / TICKS_PER_FRAME - from);
    expect(shown.filter((frame) => frame >= 20 && frame < 22)).toEqual([]);
    // The idle face is on air within 100 ms of the first missing picture.
    expect(shown.find((frame) => frame >= 20)).toBe(22);
    expect(shown.filter((frame) => frame >= 22 && frame < 60).length).toBeGreaterThan(15);
    expect(((await metrics.playoutLateFrames.get()).values[0]?.value ?? 0) - before).toBeGreaterThanOrEqual(40);
  });
});
