import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { Parser } from 'm3u8-parser';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { TICKS_PER_MS, TICKS_PER_SECOND, type Packet } from '#base/media.ts';
import { createMetrics, type Metrics } from '#server/telemetry/metrics.ts';
import { LoopingStage } from '#test/fixtures/looping-stage.ts';
import { SIZE, stagePackets } from '#test/fixtures/stage-packets.ts';
import { HlsRendition, type RenditionOptions } from './rendition.ts';

const EPOCH = Date.UTC(2026, 0, 1);
const LOOP_SECONDS = 4;
const SPEED = 4;

let folder: string;
let loop: Packet[];
/** A script that notes its process id and becomes ffmpeg. */
let ffmpeg: string;
let stage: LoopingStage;
let clock: VirtualClock;
let metrics: Metrics;
const opened: HlsRendition[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hls-'));
  loop = await stagePackets({ seconds: LOOP_SECONDS });
  ffmpeg = join(folder, 'ffmpeg');
  await writeFile(ffmpeg, `#!/bin/sh\necho $$ >> ${folder}/pids\nexec ffmpeg "$@"\n`);
  await chmod(ffmpeg, 0o755);
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  await writeFile(join(folder, 'pids'), '');
  stage = new LoopingStage(loop, LOOP_SECONDS, SPEED);
  clock = new VirtualClock();
  metrics = createMetrics();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((rendition) => rendition.close('test')));
  for (const pid of await pids()) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(stage.sinks).toBe(0);
});

async function pids(): Promise<number[]> {
  return (await readFile(join(folder, 'pids'), 'utf8')).split('\n').filter(Boolean).map(Number);
}

function create(changes: Partial<RenditionOptions> = {}): HlsRendition {
  const parts = { clock, metrics, log: silentLog, ffmpeg, size: SIZE, epochMs: EPOCH, subscribe: stage.subscribe };
  const rendition = HlsRendition.create({ mode: 'on-demand', ...parts, ...changes });
  opened.push(rendition);
  return rendition;
}

function parse(text: string) {
  const parser = new Parser();
  parser.push(text);
  parser.end();
  return parser.manifest;
}

const nameOf = (uri: string | undefined): string => (uri ?? '').split('?')[0] ?? '';
const sequences = (manifest: ReturnType<typeof parse>): number[] => manifest.segments.map((_, at) => manifest.mediaSequence + at);

/** All that a playlist names, one initialisation section with its segments. */
function stream(rendition: HlsRendition, text: string, init: string): Buffer {
  const segments = parse(text).segments.filter(({ map }) => nameOf(map?.uri) === init);
  const names = [init, ...segments.map(({ uri }) => nameOf(uri))];
  return Buffer.concat(names.map((name) => rendition.file(name)?.data ?? expect.fail(`${name} is not there`)));
}

async function decodes(input: Uint8Array): Promise<void> {
  const { stderr } = await execa('ffmpeg', ['-v', 'warning', '-xerror', '-copyts', '-i', 'pipe:0', '-f', 'null', '-'], { input });
  expect(stderr).toBe('');
}

async function framesOf(input: Uint8Array): Promise<{ pts: number; flags: string }[]> {
  const args = ['-v', 'error', '-select_streams', 'v', '-show_entries', 'packet=pts,flags', '-of', 'json', '-i', 'pipe:0'];
  const { stdout } = await execa('ffprobe', args, { input });
  return (JSON.parse(stdout) as { packets: { pts: number; flags: string }[] }).packets;
}

const until = (check: () => void | Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 50 });
const published = (rendition: HlsRendition, count: number): Promise<void> =>
  new Promise((resolve) => rendition.on('segment', ({ sequence }) => sequence + 1 >= count && resolve()));

describe('HlsRendition', () => {
  it('starts with the first request and serves what its playlist names', async () => {
    const rendition = create();
    expect(stage.subscriptions).toBe(0);
    const full = published(rendition, 9);
    const [first, second] = await Promise.all([rendition.playlist('a'), rendition.playlist('b')]);
    expect(stage.subscriptions).toBe(1);
    expect(first.replaceAll('token=a', 'token=b')).toBe(second);
    expect(rendition.viewers).toBe(2);
    await full;

    const text = await rendition.playlist('a');
    const manifest = parse(text);
    expect(manifest.segments).toHaveLength(7);
    expect(manifest.segments.every(({ uri, map }) => uri.endsWith('?token=a') && map?.uri === 'init_0.mp4?token=a')).toBe(true);
    const media = stream(rendition, text, 'init_0.mp4');
    const init = rendition.file('init_0.mp4')?.data ?? new Uint8Array();
    const single = manifest.segments.map(({ uri }) => rendition.file(nameOf(uri))?.data ?? new Uint8Array());
    await rendition.close('seen enough');
    await decodes(media);
    const frames = await framesOf(media);
    frames.slice(1).forEach(({ pts }, at) => expect(pts - (frames[at]?.pts ?? 0)).toBe(1_920));
    expect(frames[0]?.pts).toBe(manifest.mediaSequence * TICKS_PER_SECOND);
    expect(manifest.segments[0]?.dateTimeObject?.getTime()).toBe(EPOCH + (frames[0]?.pts ?? 0) / TICKS_PER_MS);
    for (const segment of single) expect((await framesOf(Buffer.concat([init, segment])))[0]?.flags).toMatch(/^K/);
  });

  it('tells players what a file is', async () => {
    const rendition = create();
    const [segment] = parse(await rendition.playlist('a')).segments;
    expect(rendition.file('init_0.mp4')?.type).toBe('video/mp4');
    expect(rendition.file(nameOf(segment?.uri))?.type).toBe('video/iso.segment');
  });

  it('tells of each segment once, and keeps no more than it needs', async () => {
    const rendition = create();
    const told: { sequence: number; durationMs: number; uri: string }[] = [];
    rendition.on('segment', (segment) => told.push(segment));
    await rendition.playlist('a');
    await until(() => expect(told.length).toBeGreaterThanOrEqual(14));
    expect(told.map(({ sequence }) => sequence)).toEqual(told.map((_, at) => at));
    expect(told.every(({ durationMs, uri, sequence }) => durationMs === 1_000 && uri === `segment_${sequence}.m4s`)).toBe(true);
    const there = told.filter(({ uri }) => rendition.file(uri));
    expect(there).toEqual(told.slice(-10));
    expect((await metrics.hlsSegmentsPublished.get()).values[0]?.value).toBe(told.length);
  });

  it('lingers, stops, and goes on counting when it is asked again', async () => {
    const rendition = create({ lingerMs: 30_000 });
    const before = parse(await rendition.playlist('a'));
    await clock.advance(29_000);
    rendition.file('init_0.mp4', 'a');
    await clock.advance(29_000);
    expect(stage.sinks).toBe(1);
    await clock.advance(1_000);
    await until(async () => {
      expect(stage.sinks).toBe(0);
      for (const pid of await pids()) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    });
    expect(rendition.viewers).toBe(0);
    expect(rendition.file('init_0.mp4')).toBeUndefined();

    const after = await rendition.playlist('a');
    const manifest = parse(after);
    expect(stage.subscriptions).toBe(2);
    expect(manifest.mediaSequence).toBeGreaterThanOrEqual(before.mediaSequence + before.segments.length);
    expect(manifest.segments[0]?.discontinuity).toBe(true);
    await decodes(stream(rendition, after, 'init_1.mp4'));
  });

  it('goes on after ffmpeg has died, with a discontinuity and nothing missing', async () => {
    const rendition = create();
    const before = sequences(parse(await rendition.playlist('a')));
    const [pid = NaN] = await pids();
    process.kill(pid, 'SIGKILL');
    await until(async () =>
      expect((await metrics.ffmpegExits.get()).values).toMatchObject([{ value: 1, labels: { code: 'SIGKILL' } }]),
    );
    await until(() => expect(stage.sinks).toBe(0));

    const text = await rendition.playlist('a');
    const manifest = parse(text);
    expect(sequences(manifest)[0]).toBe(before[0]);
    const marked = manifest.segments.filter(({ discontinuity }) => discontinuity);
    expect(marked.map(({ map }) => nameOf(map?.uri))).toEqual(['init_1.mp4']);
    await decodes(stream(rendition, text, 'init_0.mp4'));
    await decodes(stream(rendition, text, 'init_1.mp4'));
  });

  it('never names what it can not serve, over any number of stops', async () => {
    const rendition = create({ lingerMs: 1_000 });
    let last = -1;
    for (let round = 0; round < 4; round++) {
      const text = await rendition.playlist('a');
      const { segments, mediaSequence } = parse(text);
      expect(mediaSequence).toBeGreaterThan(last);
      last = mediaSequence + segments.length - 1;
      for (const { uri, map } of segments) {
        expect(rendition.file(nameOf(uri))).toBeDefined();
        expect(rendition.file(nameOf(map?.uri))).toBeDefined();
      }
      await clock.advance(1_000);
    }
    expect(stage.subscriptions).toBe(4);
  });

  it('is on air from the start, and stays, when it always is', async () => {
    const rendition = create({ mode: 'always', lingerMs: 1_000 });
    await published(rendition, 1);
    await rendition.playlist('a');
    await clock.advance(60_000);
    expect(stage.sinks).toBe(1);
    expect(await pids()).toHaveLength(1);
  });

  it('ends its playlist, with all that was sent', async () => {
    const rendition = create();
    await rendition.playlist('a');
    await Promise.all([rendition.finish(), rendition.finish()]);
    expect(stage.sinks).toBe(0);
    const text = await rendition.playlist('a');
    expect(parse(text).endList).toBe(true);
    await decodes(stream(rendition, text, 'init_0.mp4'));
    await clock.advance(60_000);
    expect(await rendition.playlist('a')).toBe(text);
    await rendition.close('test');
    await expect(rendition.playlist('a')).rejects.toMatchObject({ code: 'session_closed' });
    expect(rendition.file('init_0.mp4')).toBeUndefined();
  });

  it('can be finished before it was ever asked', async () => {
    const rendition = create();
    await rendition.finish();
    await expect(rendition.playlist('a')).rejects.toMatchObject({ code: 'session_closed' });
    expect(stage.subscriptions).toBe(0);
  });

  it('says that ffmpeg is missing, each time', async () => {
    const rendition = create({ ffmpeg: join(folder, 'nowhere') });
    for (let round = 0; round < 2; round++) {
      const message = expect.stringContaining('ffmpeg') as string;
      await expect(rendition.playlist('a')).rejects.toMatchObject({ code: 'hls_unavailable', message });
    }
    expect(stage.subscriptions).toBe(0);
  });

  it('gives up after 5 s without a segment, and when the request is gone', async () => {
    const rendition = create({ subscribe: () => () => undefined });
    const waiting = expect(rendition.playlist('a')).rejects.toMatchObject({ code: 'hls_unavailable' });
    await clock.advance(5_000);
    await waiting;
    const gone = new AbortController();
    const asking = expect(rendition.playlist('a', gone.signal)).rejects.toMatchObject({ name: 'AbortError' });
    gone.abort();
    await asking;
  });

  it('answers a waiting request when it is closed', async () => {
    const rendition = create({ subscribe: () => () => undefined });
    const waiting = expect(rendition.playlist('a')).rejects.toMatchObject({ code: 'hls_unavailable' });
    await rendition.close('test');
    await waiting;
  });

  it('serves no other name, whatever it is', async () => {
    const rendition = create();
    await rendition.playlist('a');
    const bad = [
      '',
      '.',
      '..',
      '../init_0.mp4',
      '..%2finit_0.mp4',
      '/etc/passwd',
      'init_0.mp4/',
      'init_0.mp4\n',
      'init_00.mp4',
      'init_0.m4s',
    ];
    const worse = [
      'init_٠.mp4',
      'INIT_0.mp4',
      'init_0.mp4\0',
      'init_-0.mp4',
      'init_0e0.mp4',
      'segment_0.mp4',
      '__proto__',
      'constructor',
    ];
    for (const name of [...bad, ...worse]) expect(rendition.file(name)).toBeUndefined();
    const near = fc.array(
      fc.constantFrom('init_', 'segment_', '0', '1', '.mp4', '.m4s', '..', '%2f', '/', '\\', '\u0660', '\0', ' '),
      { maxLength: 6 },
    );
    const any = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      near.map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(any, (name) => {
        if (rendition.file(name)) expect(name).toMatch(/^(init_\d|segment_\d)\.(mp4|m4s)$/);
      }),
      { numRuns: 1_000 },
    );
  });
});
