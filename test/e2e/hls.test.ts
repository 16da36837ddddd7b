import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { Parser } from 'm3u8-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

const WATCH_MS = 62_000;

describe('HLS', () => {
  let server: RunningServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer();
    browser = await launchBrowser({ viewport: SMALL });
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await server.stop();
  });

  it(
    'plays a minute of idle → speech → idle without a stall, each segment from a keyframe, timestamps continuous',
    { timeout: 180_000 },
    async () => {
      const session = await server.createSession({});
      await published(session.urls.hls);
      const recording = record(session.urls.hls, WATCH_MS);
      // Awaited below; until then a failure must not count as unhandled.
      recording.catch(() => undefined);
      const page = await browser.open(`${session.urls.page}&transport=hls`);
      await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0.5, undefined, { timeout: 30_000 });
      const info = await server.call('GET', `/v1/sessions/${session.id}`, undefined, session.token);
      expect(info.body).toMatchObject({ viewers: { webrtc: 0, hls: expect.any(Number) as number } });
      await page.evaluate(() => {
        const video = document.querySelector('video') as HTMLVideoElement;
        let [last, since] = [video.currentTime, performance.now()];
        const stalls: number[] = [];
        Object.assign(window, { stalls });
        setInterval(() => {
          const now = performance.now();
          if (video.currentTime !== last) [last, since] = [video.currentTime, now];
          else if (now - since > 1_000) {
            stalls.push(now);
            since = now;
          }
        }, 50);
      });
      await page.waitForTimeout(12_000);
      await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Count from one to twenty.' }, session.token);
      const { segments, sequences, discontinuities } = await recording;
      const stalls = await page.evaluate(() => (window as unknown as { stalls: number[] }).stalls);
      await page.close();

      expect(stalls).toEqual([]);
      expect(discontinuities).toBe(0);
      expect(segments.length).toBeGreaterThan(50);
      sequences.forEach((sequence, i) => expect(sequence).toBe((sequences[0] ?? 0) + i));
      const folder = await mkdtemp(join(tmpdir(), 'hls-'));
      const file = join(folder, 'all.mp4');
      await writeFile(file, Buffer.concat(segments));
      const packets = await probe(file);
      for (const kind of ['video', 'audio'] as const) {
        const times = packets.filter((packet) => packet.codec_type === kind).map((packet) => Number(packet.pts_time));
        const steps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
        // A late picture may be left out; nothing may run backwards or leave a hole that a viewer would notice, 200 ms.
        expect(Math.min(...steps)).toBeGreaterThan(0);
        expect(Math.round(1_000 * Math.max(...steps))).toBeLessThanOrEqual(200);
      }
      const pictures = packets.filter((packet) => packet.codec_type === 'video');
      let end = 0;
      for (const segment of segments) {
        const [start] = [end, (end += segment.length)];
        const inside = pictures.filter(({ pos }) => Number(pos) >= start && Number(pos) < end);
        // The first one only initialises.
        if (start === 0) expect(inside).toEqual([]);
        else expect(inside[0]?.flags).toMatch(/^K/);
      }
      const { stderr } = await execa('ffmpeg', ['-v', 'error', '-i', file, '-f', 'null', '-']);
      expect(stderr).toBe('');
      await rm(folder, { recursive: true });
    },
  );
});

interface ProbedPacket {
  readonly codec_type: string;
  readonly pts_time: string;
  /** Bytes into the file. */
  readonly pos: string;
  readonly flags: string;
}

async function probe(file: string): Promise<ProbedPacket[]> {
  const { stdout } = await execa('ffprobe', [
    '-v',
    'error',
    '-show_entries',
    'packet=codec_type,pts_time,pos,flags',
    '-of',
    'json',
    file,
  ]);
  return (JSON.parse(stdout) as { packets: ProbedPacket[] }).packets;
}

/** Waits for the first playlist. On a starved machine it may take longer than the server waits for it, which is a 503 to be tried again. */
async function published(url: string): Promise<void> {
  for (let tries = 0; tries < 6; tries += 1) {
    const { status } = await fetch(url);
    if (status === 200) return;
    expect(status).toBe(503);
  }
}

/** Follows the playlist like a player; init first, then each segment once, in order. Everything but 200 is an error. */
async function record(url: string, ms: number): Promise<{ segments: Buffer[]; sequences: number[]; discontinuities: number }> {
  const segments: Buffer[] = [];
  const sequences: number[] = [];
  let discontinuities = 0;
  const get = async (uri: string): Promise<Buffer> => {
    const response = await fetch(new URL(uri, url));
    if (response.status !== 200) throw new Error(`${uri}: ${String(response.status)}`);
    return Buffer.from(await response.arrayBuffer());
  };
  const end = performance.now() + ms;
  let polled = performance.now();
  while (performance.now() < end) {
    // Who looks away for longer than the window is long has missed something, which says nothing about the server.
    const away = performance.now() - polled;
    if (away > 5_000) throw new Error(`this test was kept from running for ${String(Math.round(away))} ms`);
    polled = performance.now();
    const parser = new Parser();
    parser.push((await get(url)).toString());
    parser.end();
    const { manifest } = parser;
    for (const [i, segment] of manifest.segments.entries()) {
      const sequence = manifest.mediaSequence + i;
      if (sequence <= (sequences.at(-1) ?? -1)) continue;
      if (segments.length === 0) segments.push(await get(segment.map?.uri ?? ''));
      segments.push(await get(segment.uri));
      sequences.push(sequence);
      if (segment.discontinuity) discontinuities += 1;
      expect(segment.duration).toBeLessThanOrEqual(manifest.targetDuration + 0.5);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return { segments, sequences, discontinuities };
}
