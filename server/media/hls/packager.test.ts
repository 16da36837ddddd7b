import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AvatarError } from '#base/errors.ts';
import { createLog, silentLog } from '#base/log.ts';
import { FPS, TICKS_PER_FRAME, TICKS_PER_SECOND, type Packet } from '#base/media.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { BEEP_FRAME, SIZE, play, stagePackets } from '#test/fixtures/stage-packets.ts';
import { HlsPackager, type Packaged } from './packager.ts';

const START = 90 * 3_600 * TICKS_PER_SECOND;
const SECONDS = 8;
const AAC_FRAME = 1_024;

type Fragment = Extract<Packaged, { kind: 'fragment' }>;
interface Probed {
  readonly codec_type: 'video' | 'audio';
  readonly pts: number;
  readonly dts: number;
  readonly duration: number;
  readonly flags: string;
}

let folder: string;
let packets: Packet[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hls-'));
  packets = await stagePackets({ seconds: SECONDS, startTicks: START });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Packages `given` and returns what came out. */
async function run(given: readonly Packet[], speed = 8): Promise<{ init: Uint8Array; fragments: Fragment[]; path: string }> {
  const packager = await HlsPackager.start({ size: SIZE, log: silentLog, metrics: createMetrics() });
  try {
    void play(given, packager, { speed }).then(() => packager.end());
    const out = await Array.fromAsync(packager.packaged());
    const path = join(folder, `${Math.random().toString(36).slice(2)}.mp4`);
    await writeFile(path, Buffer.concat(out.map(({ data }) => data)));
    const init = out[0];
    if (init?.kind !== 'init') throw new Error('no initialisation section first');
    return { init: init.data, fragments: out.slice(1) as Fragment[], path };
  } finally {
    await packager.close('test');
  }
}

async function probe(path: string): Promise<Probed[]> {
  const { stdout } = await execa('ffprobe', ['-v', 'error', '-show_packets', '-of', 'json', path]);
  return (JSON.parse(stdout) as { packets: Probed[] }).packets;
}

/** What a full decode complains about; empty when all is well. */
async function decodeErrors(path: string): Promise<string> {
  const { stderr } = await execa('ffmpeg', ['-v', 'warning', '-xerror', '-copyts', '-i', path, '-f', 'null', '-']);
  return stderr;
}

async function samples(path: string): Promise<Int16Array> {
  const args = ['-v', 'error', '-i', path, '-map', '0:a', '-f', 's16le', '-ac', '1', '-'];
  const { stdout } = await execa('ffmpeg', args, { encoding: 'buffer' });
  return new Int16Array(Uint8Array.from(stdout).buffer);
}

/** Stage ticks at which each beep begins to sound. */
async function beeps(path: string): Promise<number[]> {
  const pcm = await samples(path);
  const first = (await probe(path)).find(({ codec_type: kind }) => kind === 'audio')?.pts ?? NaN;
  const found: number[] = [];
  let last = -Infinity;
  pcm.forEach((sample, at) => {
    if (Math.abs(sample) < 4_000) return;
    if (at - last > TICKS_PER_SECOND / 4) found.push(first + at);
    last = at;
  });
  return found;
}

/** Stage ticks at which the middle turns white. */
async function flashes(path: string): Promise<number[]> {
  const args = [
    '-v',
    'error',
    '-copyts',
    '-i',
    path,
    '-map',
    '0:v',
    '-vf',
    'crop=16:16,scale=1:1,showinfo',
    '-fps_mode',
    'passthrough',
  ];
  const { stdout } = await execa('ffmpeg', [...args, '-f', 'rawvideo', '-pix_fmt', 'gray', '-'], { encoding: 'buffer' });
  const pictures = (await probe(path)).filter(({ codec_type: kind }) => kind === 'video');
  expect(stdout.length).toBe(pictures.length);
  return pictures.filter((_, at) => (stdout[at] ?? 0) > 128).map(({ pts }) => pts);
}

const differences = (values: readonly number[]): number[] => values.slice(1).map((value, at) => value - (values[at] ?? 0));

describe('HlsPackager', () => {
  it('makes one fragment a second that starts with a keyframe and keeps stage time', async () => {
    const { fragments, path } = await run(packets);
    expect(fragments.map(({ ticks }) => ticks - START)).toEqual(Array.from({ length: SECONDS }, (_, n) => n * TICKS_PER_SECOND));
    expect(fragments.every(({ durationTicks }) => durationTicks === TICKS_PER_SECOND)).toBe(true);
    const probed = await probe(path);
    const video = probed.filter(({ codec_type: kind }) => kind === 'video');
    expect(video.map(({ pts }) => pts)).toEqual(packets.filter(({ kind }) => kind === 'video').map(({ ticks }) => ticks));
    expect(video.filter(({ flags }) => flags.startsWith('K')).map(({ pts }) => pts)).toEqual(fragments.map(({ ticks }) => ticks));
    expect(await decodeErrors(path)).toBe('');
  });

  it('makes sound without a seam, starting within one AAC frame of the picture', async () => {
    const { path } = await run(packets);
    const audio = (await probe(path)).filter(({ codec_type: kind }) => kind === 'audio');
    expect(new Set(differences(audio.map(({ pts }) => pts)))).toEqual(new Set([AAC_FRAME]));
    expect(Math.abs((audio[0]?.pts ?? 0) - START)).toBeLessThanOrEqual(AAC_FRAME);
    expect((audio.at(-1)?.pts ?? 0) + AAC_FRAME - START).toBeGreaterThanOrEqual(SECONDS * TICKS_PER_SECOND - AAC_FRAME);
  });

  it('keeps beep and flash together within one AAC frame', async () => {
    const { path } = await run(packets);
    const [seen, heard] = [await flashes(path), await beeps(path)];
    const wanted = Array.from({ length: SECONDS }, (_, second) => START + (second * FPS + BEEP_FRAME) * TICKS_PER_FRAME);
    expect(seen).toEqual(wanted);
    expect(heard).toHaveLength(SECONDS);
    const offsets = new Set(heard.map((at, index) => at - (seen[index] ?? 0)));
    // The same each time: Opus' look-ahead of 312 samples and the beep's rise.
    expect(offsets.size).toBe(1);
    expect(Math.abs([...offsets][0] ?? NaN)).toBeLessThan(AAC_FRAME / 2);
  });

  it('keeps the pitch', async () => {
    const { path } = await run(packets);
    const [at = NaN] = await beeps(path);
    const first = (await probe(path)).find(({ codec_type: kind }) => kind === 'audio')?.pts ?? NaN;
    const pcm = await samples(path);
    const beep = pcm.subarray(at - first + 200, at - first + 200 + TICKS_PER_SECOND / 40);
    const crossings = beep.reduce((count, sample, n) => count + (n > 0 && sample >= 0 !== (beep[n - 1] ?? 0) >= 0 ? 1 : 0), 0);
    // 25 ms of 1 kHz cross zero 50 times.
    expect(crossings).toBeGreaterThanOrEqual(49);
    expect(crossings).toBeLessThanOrEqual(51);
  });

  it('keeps sync over dropped pictures and lost sound', async () => {
    const dropped = new Set([3, 30, 31, 32, 64, 101, 149].map((frame) => START + frame * TICKS_PER_FRAME));
    const lost = (ticks: number): boolean => ticks >= START + 2.8 * TICKS_PER_SECOND && ticks < START + 3.1 * TICKS_PER_SECOND;
    const given = packets.filter(({ kind, ticks }) => (kind === 'video' ? !dropped.has(ticks) : !lost(ticks)));
    const { fragments, path } = await run(given);
    const video = (await probe(path)).filter(({ codec_type: kind }) => kind === 'video');
    expect(video.map(({ pts }) => pts)).toEqual(given.filter(({ kind }) => kind === 'video').map(({ ticks }) => ticks));
    fragments
      .slice(1)
      .forEach(({ ticks }, at) => expect(ticks).toBe((fragments[at]?.ticks ?? 0) + (fragments[at]?.durationTicks ?? 0)));
    const [seen, heard] = [await flashes(path), await beeps(path)];
    expect(heard).toHaveLength(SECONDS);
    heard.forEach((at, index) => expect(Math.abs(at - (seen[index] ?? NaN))).toBeLessThan(AAC_FRAME));
  });

  it('skips what comes before the first IDR, with its sound', async () => {
    const late = packets.filter(({ ticks }) => ticks >= START + 3 * TICKS_PER_FRAME);
    const { fragments, path } = await run(late);
    expect(fragments[0]?.ticks).toBe(START + TICKS_PER_SECOND);
    const audio = (await probe(path)).filter(({ codec_type: kind }) => kind === 'audio');
    expect(audio[0]?.pts).toBe(START + TICKS_PER_SECOND - AAC_FRAME);
    const [seen, heard] = [await flashes(path), await beeps(path)];
    expect(heard).toHaveLength(SECONDS - 1);
    heard.forEach((at, index) => expect(Math.abs(at - (seen[index] ?? NaN))).toBeLessThan(AAC_FRAME));
  });

  it('says that ffmpeg is missing', async () => {
    const options = { size: SIZE, log: silentLog, metrics: createMetrics(), ffmpeg: '/nowhere/ffmpeg' };
    const error = await HlsPackager.start(options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AvatarError);
    expect(error).toMatchObject({ code: 'hls_unavailable', message: expect.stringContaining('ffmpeg') as string });
  });

  it('reports a dead ffmpeg, counts it, and takes packets no more', async () => {
    const metrics = createMetrics();
    const packager = await HlsPackager.start({ size: SIZE, log: silentLog, metrics });
    const playing = play(packets, packager, { speed: 8 });
    const reading = Array.fromAsync(packager.packaged());
    const failed = expect(reading).rejects.toMatchObject({ code: 'hls_unavailable' });
    await expect.poll(() => packager.pid).toBeDefined();
    process.kill(packager.pid ?? NaN, 'SIGKILL');
    await failed;
    await playing;
    const { values } = await metrics.ffmpegExits.get();
    expect(values).toMatchObject([{ value: 1, labels: { code: 'SIGKILL' } }]);
    await packager.close('test');
  });

  it('bounds what waits for an ffmpeg that hangs, and kills it in the end', async () => {
    const path = join(folder, 'hanging');
    await writeFile(path, '#!/bin/sh\ntrap "" TERM\nwhile :; do sleep 1; done\n', { mode: 0o755 });
    const lines: string[] = [];
    const log = createLog('warn', { write: (line) => void lines.push(line) });
    const packager = await HlsPackager.start({ size: SIZE, log, metrics: createMetrics(), ffmpeg: path });
    const { pid = NaN } = packager;
    const idr: Packet = { kind: 'video', data: Buffer.alloc(2 ** 20), ticks: 0, keyframe: true };
    for (let second = 0; second < 20; second++) packager.write({ ...idr, ticks: second * TICKS_PER_SECOND });
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { msg: expect.stringContaining('behind') as string },
    ]);
    const { backlogBytes } = JSON.parse(lines[0] ?? '{}') as { backlogBytes: number };
    expect(backlogBytes).toBeLessThan(6 * 2 ** 20);
    await packager.close('test');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('closes at any moment, twice, and leaves no process', async () => {
    for (const after of [0, 50, 400]) {
      const packager = await HlsPackager.start({ size: SIZE, log: silentLog, metrics: createMetrics() });
      const { pid = NaN } = packager;
      void play(packets, packager, { speed: 4 });
      await sleep(after);
      await Promise.all([packager.close('test'), packager.close('test')]);
      expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    }
  });
});
