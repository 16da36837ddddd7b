import { execa } from 'execa';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { TICKS_PER_FRAME, i420Bytes, type AvFrame, type VideoFrame } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { IdleLoop } from '../idle-loop.ts';
import { Stage } from '../stage.ts';
import { HlsRendition } from './rendition.ts';

const SIZE = { width: 128, height: 128 };
const AAC_FRAME = 1_024;
const SPOKEN_FRAMES = 50;
const FLASH_FRAME = 30;

const grey = (level: number): VideoFrame => ({
  ...SIZE,
  data: new Uint8Array(i420Bytes(SIZE)).fill(level, 0, SIZE.width * SIZE.height).fill(128, SIZE.width * SIZE.height),
});

async function* idlePictures(): AsyncGenerator<VideoFrame> {
  for (let frame = 0; frame < 25; frame++) yield await Promise.resolve(grey(80));
}

/** Two seconds, silent and grey but for one white frame with a tone. */
async function* spoken(): AsyncGenerator<AvFrame> {
  for (let frame = 0; frame < SPOKEN_FRAMES; frame++) {
    const flash = frame === FLASH_FRAME;
    const sound = Int16Array.from({ length: TICKS_PER_FRAME }, (_, n) =>
      flash ? 12_000 * Math.sin((2 * Math.PI * 1_000 * n) / 48_000) : 0,
    );
    const clause = { index: 0, text: 'Beep.' };
    const [startOfClause, endOfClause] = [frame === 0, frame === SPOKEN_FRAMES - 1];
    yield await Promise.resolve({ frame, sound, clause, startOfClause, endOfClause, picture: grey(flash ? 235 : 80) });
  }
}

async function onAir(): Promise<{ stage: Stage; rendition: HlsRendition }> {
  const [metrics, clock, log] = [createMetrics(), systemClock, silentLog];
  const idle = await IdleLoop.build(idlePictures(), SIZE, new AbortController().signal);
  onTestFinished(() => idle.close());
  const nowhere = {
    videoSsrc: 1,
    audioSsrc: 2,
    sendVideo: () => undefined,
    sendAudio: () => undefined,
    onKeyframeRequest: () => undefined,
  };
  const stage = Stage.create({ idle, producers: nowhere, stamped: false, clock, log, metrics });
  onTestFinished(() => stage.close('test'));
  const { epochMs } = stage.status();
  const subscribe = stage.subscribe.bind(stage);
  const rendition = HlsRendition.create({
    mode: 'on-demand',
    subscribe,
    epochMs,
    size: SIZE,
    language: 'en',
    log,
    metrics,
    clock,
  });
  onTestFinished(() => rendition.close('test'));
  return { stage, rendition };
}

it('carries a stage through idle, speech and idle, sound and picture in step', { timeout: 60_000 }, async () => {
  const { stage, rendition } = await onAir();
  const segments: Uint8Array[] = [];
  rendition.on('segment', ({ uri }) => segments.push(rendition.file(uri)?.data ?? expect.fail(uri)));
  await rendition.playlist('a');
  const init = rendition.file('init_0.mp4')?.data ?? expect.fail('no init');
  const outlook = new Outlook(0.1);
  outlook.hear(SPOKEN_FRAMES * TICKS_PER_FRAME, true);
  outlook.draw(SPOKEN_FRAMES);
  outlook.ended = true;
  await stage.play({ utteranceId: 'u', frames: spoken(), outlook });
  const idleAgain = segments.length + 2;
  await expect.poll(() => segments.length, { timeout: 20_000 }).toBeGreaterThan(idleAgain);
  await rendition.finish();

  const input = Buffer.concat([init, ...segments]);
  const { video, audio } = await packetsOf(input);
  video.slice(1).forEach((pts, at) => expect((pts - (video[at] ?? 0)) % TICKS_PER_FRAME).toBe(0));
  audio.slice(1).forEach((pts, at) => expect(pts - (audio[at] ?? 0)).toBe(AAC_FRAME));
  expect(Math.abs((audio[0] ?? 0) - (video[0] ?? 0))).toBeLessThanOrEqual(AAC_FRAME);

  const gray = ['-fps_mode', 'passthrough', '-vf', 'scale=1:1', '-f', 'rawvideo', '-pix_fmt', 'gray'];
  const levels = await decode(input, ['-map', '0:v', ...gray]);
  expect(levels).toHaveLength(video.length);
  const pcm = new Int16Array(Uint8Array.from(await decode(input, ['-map', '0:a', '-f', 's16le'])).buffer);
  const seen = video[levels.findIndex((level) => level > 160)] ?? NaN;
  const heard = (audio[0] ?? NaN) + pcm.findIndex((sample) => Math.abs(sample) > 4_000);
  expect(Math.abs(heard - seen)).toBeLessThan(AAC_FRAME);
});

async function packetsOf(input: Uint8Array): Promise<{ video: number[]; audio: number[] }> {
  const { stdout } = await execa(
    'ffprobe',
    ['-v', 'error', '-show_entries', 'packet=codec_type,pts', '-of', 'json', '-i', 'pipe:0'],
    { input },
  );
  const { packets } = JSON.parse(stdout) as { packets: { codec_type: string; pts: number }[] };
  const of = (type: string): number[] => packets.filter(({ codec_type: kind }) => kind === type).map(({ pts }) => pts);
  return { video: of('video'), audio: of('audio') };
}

async function decode(input: Uint8Array, output: string[]): Promise<Uint8Array> {
  const args = ['-v', 'error', '-xerror', '-copyts', '-i', 'pipe:0', ...output, 'pipe:1'];
  const { stdout, stderr } = await execa('ffmpeg', args, { input, encoding: 'buffer' });
  expect(Buffer.from(stderr).toString()).toBe('');
  return stdout;
}
