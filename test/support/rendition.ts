import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { Parser } from 'm3u8-parser';
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import type { Packet } from '#base/media.ts';
import { HlsRendition, type RenditionOptions } from '#server/media/hls/rendition.ts';
import { createMetrics, type Metrics } from '#server/telemetry/metrics.ts';
import { LoopingStage } from '#test/fixtures/looping-stage.ts';
import { SIZE, stagePackets } from '#test/fixtures/stage-packets.ts';

export const EPOCH = Date.UTC(2026, 0, 1);
const LOOP_SECONDS = 4;

/** What a test of renditions has: a stage, a clock that stands still, metrics, and an ffmpeg whose processes are known. New for each test. */
export class RenditionStand {
  stage!: LoopingStage;
  clock!: VirtualClock;
  metrics!: Metrics;
  folder = '';
  /** A script that notes its process id and becomes ffmpeg. */
  ffmpeg = '';
  #loop: Packet[] = [];
  readonly #opened: HlsRendition[] = [];

  /** Registers itself with the test file that calls it. `speed`: how much faster than on air the stage sends. */
  static use(speed = 4): RenditionStand {
    const stand = new RenditionStand();
    beforeAll(() => stand.#open());
    beforeEach(() => stand.#renew(speed));
    afterEach(() => stand.#check());
    afterAll(() => rm(stand.folder, { recursive: true, force: true }));
    return stand;
  }

  create(changes: Partial<RenditionOptions> = {}): HlsRendition {
    const { clock, metrics, ffmpeg, stage } = this;
    const parts = {
      clock,
      metrics,
      log: silentLog,
      ffmpeg,
      size: SIZE,
      language: 'en',
      epochMs: EPOCH,
      subscribe: stage.subscribe,
    };
    const rendition = HlsRendition.create({ mode: 'on-demand', ...parts, ...changes });
    this.#opened.push(rendition);
    return rendition;
  }

  /** Of all ffmpegs so far. */
  async pids(): Promise<number[]> {
    return (await readFile(join(this.folder, 'pids'), 'utf8')).split('\n').filter(Boolean).map(Number);
  }

  async #open(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'hls-'));
    this.#loop = await stagePackets({ seconds: LOOP_SECONDS });
    this.ffmpeg = join(this.folder, 'ffmpeg');
    await writeFile(this.ffmpeg, `#!/bin/sh\necho $$ >> ${this.folder}/pids\nexec ffmpeg "$@"\n`);
    await chmod(this.ffmpeg, 0o755);
  }

  async #renew(speed: number): Promise<void> {
    await writeFile(join(this.folder, 'pids'), '');
    this.stage = new LoopingStage(this.#loop, LOOP_SECONDS, speed);
    this.clock = new VirtualClock();
    this.metrics = createMetrics();
  }

  async #check(): Promise<void> {
    await Promise.all(this.#opened.splice(0).map((rendition) => rendition.close('test')));
    for (const pid of await this.pids()) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(this.stage.sinks).toBe(0);
  }
}

export function parse(text: string) {
  const parser = new Parser();
  parser.push(text);
  parser.end();
  return parser.manifest;
}

export const nameOf = (uri: string | undefined): string => (uri ?? '').split('?')[0] ?? '';
export const sequences = (manifest: ReturnType<typeof parse>): number[] =>
  manifest.segments.map((_, at) => manifest.mediaSequence + at);

/** All that a playlist names, one initialisation section with its segments. */
export function stream(rendition: HlsRendition, text: string, init: string): Buffer {
  const segments = parse(text).segments.filter(({ map }) => nameOf(map?.uri) === init);
  const names = [init, ...segments.map(({ uri }) => nameOf(uri))];
  return Buffer.concat(names.map((name) => rendition.file(name)?.data ?? expect.fail(`${name} is not there`)));
}

export async function decodes(input: Uint8Array): Promise<void> {
  const { stderr } = await execa('ffmpeg', ['-v', 'warning', '-xerror', '-copyts', '-i', 'pipe:0', '-f', 'null', '-'], { input });
  expect(stderr).toBe('');
}

/** The initialisation sections that begin after a discontinuity. */
export const discontinuities = (text: string): string[] =>
  parse(text)
    .segments.filter(({ discontinuity }) => discontinuity)
    .map(({ map }) => nameOf(map?.uri));

/** Ms between a segment's end and the next one's start, where it is not nothing. */
export function gaps(text: string): number[] {
  const { segments } = parse(text);
  const starts = segments.map(({ dateTimeObject }) => dateTimeObject?.getTime() ?? NaN);
  return segments
    .slice(1)
    .map((_, at) => (starts[at + 1] ?? NaN) - (starts[at] ?? NaN) - (segments[at]?.duration ?? NaN) * 1_000)
    .filter((gap) => !(Math.abs(gap) <= 1));
}

export const until = (check: () => void | Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 50 });
export const published = (rendition: HlsRendition, count: number): Promise<void> =>
  new Promise((resolve) => rendition.on('segment', ({ sequence }) => sequence + 1 >= count && resolve()));
