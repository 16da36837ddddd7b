import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreatedSession } from '#protocol/http.ts';
import type { Caption } from '#protocol/signalling.ts';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { HlsFollower } from '#test/support/hls-follower.ts';
import { measureLoudness } from '#test/support/listen.ts';
import { say } from '#test/support/say.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

const TEXT = 'Good morning everybody. Patience is the most important thing of all.';
/** Louder than this is voice (RMS, 0–1). */
const VOICE = 0.01;

describe('captions', () => {
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

  /** The captions as they are told, the newest of each clause. */
  function listen({ token }: CreatedSession) {
    const told = new Map<number, Caption>();
    const socket = io(server.url, { auth: { token }, transports: ['websocket'] });
    socket.on('caption', (caption: Caption) => told.set(caption.clause, caption));
    return { told, close: () => socket.close() };
  }

  it('shows each word over WebRTC when it is heard, never before', async () => {
    const session = await server.createSession({});
    const page = await browser.open(session.urls.page);
    await page.waitForFunction(() => window.avatar.snapshot.connection.transport === 'webrtc', undefined, { timeout: 30_000 });
    await page.evaluate(() => {
      const shown: Shown[] = [];
      const aside = () => document.querySelector('[data-testid=spoken]')?.textContent ?? '';
      Object.assign(window, { shown });
      window.avatar.on('caption', (caption) =>
        // What React draws of it is on the screen with the next picture.
        requestAnimationFrame((ms) =>
          shown.push({ heard: caption?.heard ?? '', at: performance.timeOrigin + ms, aside: aside() }),
        ),
      );
    });
    const loudness = measureLoudness(page, 9_000);
    const done = await say(server, session, TEXT);
    await done();
    const heard = await loudness;
    const shown = await page.evaluate(() => (window as unknown as { shown: Shown[] }).shown);
    await page.close();

    // One by one; on a loaded machine two may come at once.
    const texts = shown.map(({ heard: text }) => text).filter((text) => text !== '');
    const clauses = [texts.filter((text) => text.startsWith('Good')), texts.filter((text) => text.startsWith('Patience'))];
    expect(clauses.map((grown) => grown.at(-1)).join(' ')).toBe(TEXT);
    for (const grown of clauses) grown.forEach((text, at) => expect(text.startsWith(grown[at - 1] ?? '')).toBe(true));
    expect(texts.length).toBeGreaterThanOrEqual(8);
    // Who listens to a screen reader is told each clause once, as a whole.
    expect(new Set(shown.map(({ aside }) => aside).filter(Boolean)).size).toBe(2);
    // "Good" begins with a silence: the sound that counts is its burst, the first there is.
    const sound = heard.find(({ rms }) => rms > VOICE)?.at ?? NaN;
    const lag = (shown[0]?.at ?? NaN) - sound;
    // The sound is looked at each 20 ms, and on a loaded machine less often.
    expect(lag).toBeGreaterThan(-40);
    expect(lag).toBeLessThan(200);
  });

  it('gives players over HLS the same words at the same instants of the media, without a gap', async () => {
    const session = await server.createSession({ hls: 'always' });
    const captions = listen(session);
    const page = await browser.open(server.url);
    await page.evaluate(await readFile('node_modules/hls.js/dist/hls.min.js', 'utf8'));
    await page.evaluate(
      (url) => {
        const video = Object.assign(document.createElement('video'), { muted: true });
        document.body.append(video);
        const { Hls } = window as unknown as { Hls: new (config: object) => HlsJs };
        const hls = new Hls({ enableWorker: false, liveSyncDurationCount: 1, renderTextTracksNatively: true });
        const failures: string[] = [];
        hls.on('hlsError', (_event, { details, fatal }) => (fatal || /subtitle/i.test(details)) && failures.push(details));
        hls.loadSource(url);
        hls.attachMedia(video);
        hls.subtitleDisplay = true;
        video.oncanplay = () => void video.play();
        const seen: Record<string, number> = {};
        setInterval(() => {
          const offset = (hls.playingDate?.getTime() ?? NaN) - video.currentTime * 1_000;
          for (const track of video.textTracks)
            for (const cue of [...(track.cues ?? [])] as VTTCue[]) seen[cue.text] ??= offset + cue.startTime * 1_000;
        }, 50);
        Object.assign(window, { seen, failures, video });
      },
      urlOf(session, 'main'),
    );
    await page.waitForFunction(() => (window as unknown as { video: HTMLVideoElement }).video.currentTime > 0.5, undefined, {
      timeout: 30_000,
    });
    const follower = new HlsFollower(urlOf(session, 'captions'));
    const done = await say(server, session, TEXT);
    await done();
    const last = () => page.evaluate(() => Object.keys((window as unknown as { seen: object }).seen));
    await expect.poll(last, { timeout: 30_000 }).toContainEqual(expect.stringMatching(/of all\.$/));
    const { seen, failures } = await page.evaluate(() => {
      const { seen, failures } = window as unknown as { seen: Record<string, number>; failures: string[] };
      return { seen, failures };
    });
    await follower.stop();
    const listed = await (await fetch(urlOf(session, 'captions'))).text();
    const segment = new URL(/^captions_.*$/m.exec(listed)?.[0] ?? '', urlOf(session, 'captions')).href;
    const found = [await codecsOf(urlOf(session, 'main')), await codecsOf(segment)];
    captions.close();
    const { epochMs } = await server.stage(session);
    await page.close();

    // ffmpeg knows no subtitles in a multivariant playlist, and is not disturbed by them.
    expect(found).toEqual([['aac', 'h264'], ['webvtt']]);
    expect(failures).toEqual([]);
    expect(follower.complaints).toEqual([]);
    const told = [...captions.told.values()];
    expect(told.map(({ text }) => text).join(' ')).toBe(TEXT);
    for (const { text, words = [] } of told) {
      let length = 0;
      for (const word of words) {
        length = text.indexOf(word.text, length) + word.text.length;
        const at = Object.entries(seen).find(([cue]) => cue.endsWith(text.slice(0, length)))?.[1];
        expect(Math.abs((at ?? NaN) - (epochMs + word.start * 40))).toBeLessThan(20);
      }
    }
  });
});

/** What ffprobe finds there. */
async function codecsOf(url: string): Promise<string[]> {
  const entries = ['-v', 'quiet', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0'];
  const { stdout } = await execa('ffprobe', [...entries, url]);
  return [...new Set(stdout.split('\n').filter(Boolean))].sort();
}

const urlOf = ({ urls }: CreatedSession, list: string): string => urls.hls.replace('index.m3u8', `${list}.m3u8`);

interface Shown {
  readonly heard: string;
  readonly at: number;
  readonly aside: string;
}

interface HlsJs {
  subtitleDisplay: boolean;
  readonly playingDate: Date | null;
  on(event: string, listener: (event: string, data: { details: string; fatal: boolean }) => void): void;
  loadSource(url: string): void;
  attachMedia(video: HTMLVideoElement): void;
}
