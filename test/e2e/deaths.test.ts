import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { CreatedSession, Transcript } from '#protocol/http.ts';
import { recognise } from '#test/recognise.ts';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { HlsFollower } from '#test/support/hls-follower.ts';
import { startRecording } from '#test/support/listen.ts';
import { startPluggedServer, type PluggedServer } from '#test/support/plugs.ts';
import { keepConnections, soundOf } from '#test/support/playback.ts';
import { children } from '#test/support/processes.ts';

const RENDER_ERRORS = 'provider_errors_total{provider="portrait",kind="render"}';
/** How long a player is watched once its ffmpeg is gone, ms: until well after it has another. */
const WATCHED = 6_000;
const COUNTING = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];
const counting = (heard: string): string[] => COUNTING.filter((word) => heard.split(' ').includes(word));

describe('while the avatar is on air', () => {
  let server: PluggedServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await startPluggedServer();
    browser = await launchBrowser({ viewport: SMALL });
    await keepConnections(browser.context);
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    expect((await server.stop()).exitCode).toBe(0);
  });

  const open = async (url: string): Promise<Page> => {
    const page = await browser.open(url);
    await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0.5, undefined, { timeout: 30_000 });
    return page;
  };
  /** A session that ends with its test, its ffmpeg with it. */
  const create = async (): Promise<CreatedSession> => {
    const session = await server.createSession({});
    onTestFinished(async () => {
      await server.call('DELETE', `/v1/sessions/${session.id}`, undefined, session.token);
    });
    return session;
  };
  const follow = (session: CreatedSession): HlsFollower => {
    const follower = new HlsFollower(session.urls.hls);
    onTestFinished(() => follower.stop());
    return follower;
  };
  const metric = async (line: string): Promise<number> => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return text
      .split('\n')
      .filter((one) => one.startsWith(line))
      .reduce((sum, one) => sum + Number(one.split(' ').at(-1)), 0);
  };

  /** Asks to count, runs `pull` a second into the answer, and says which of its words were heard at the page, and what became of its packets. */
  async function counted(session: CreatedSession, pull: () => Promise<unknown>): Promise<{ words: string[]; unplayed: number }> {
    const page = await open(session.urls.page);
    const stopRecording = await startRecording(page);
    await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Count from one to seven.' }, session.token);
    await expect.poll(async () => (await server.stage(session)).state, { timeout: 20_000 }).toBe('speaking');
    await page.waitForTimeout(1_000);
    await pull();
    const turns = async () =>
      ((await server.call('GET', `/v1/sessions/${session.id}/transcript`, undefined, session.token)).body as Transcript).turns;
    await expect.poll(async () => (await turns())[0]?.state, { timeout: 30_000 }).toBe('done');
    await page.waitForTimeout(1_000);
    const words = counting(await recognise(await stopRecording()));
    const { packetsLost = NaN, packetsDiscarded = NaN } = await soundOf(page);
    await page.close();
    return { words, unplayed: packetsLost + packetsDiscarded };
  }

  it(
    'its event loop may be blocked for 500 ms: no word is lost, no frame is renumbered, HLS goes on as if nothing had been',
    {
      timeout: 90_000,
    },
    async () => {
      const session = await create();
      const follower = follow(session);
      const { epochMs } = await server.stage(session);
      const { words, unplayed } = await counted(session, () => server.block(500));
      // The pause in the middle of a word makes others of it for a recogniser; its sound is there, and HLS has no pause.
      expect(unplayed).toBe(0);
      expect(words).toEqual(expect.arrayContaining(['five', 'six', 'seven']));
      const { frame, ...stage } = await server.stage(session);
      expect(stage.epochMs).toBe(epochMs);
      expect(Math.abs((Date.now() - epochMs) / 40 - frame)).toBeLessThan(5);
      expect(await metric('playout_stalls_total')).toBe(0);
      await follower.stop();
      expect(follower.complaints).toEqual([]);
      expect(follower.discontinuities).toBe(0);
      const listed = counting(await recognise(Buffer.concat(follower.recorded)));
      expect(listed.length, listed.join(' ')).toBeGreaterThanOrEqual(6);
      // A busy machine blocks it as well.
      const blocks = server.log.filter(({ msg }) => String(msg).startsWith('the event loop was blocked'));
      expect(Math.max(...blocks.map(({ blockedMs }) => Number(blockedMs)))).toBeGreaterThan(350);
    },
  );

  it.each([
    ['die', 'crash', 'process.exit(7)'],
    ['hang', 'hang', 'for (;;) {}'],
  ])(
    'the thread that draws it may %s: no word is lost, and its pictures come back',
    { timeout: 90_000 },
    async (_, kind, fault) => {
      const session = await create();
      const lines = [`provider_errors_total{provider="portrait",kind="${kind}"}`, RENDER_ERRORS, 'playout_stalls_total'];
      const counters = () => Promise.all(lines.map((name) => metric(name)));
      const [before = NaN, ...others] = await counters();
      const { words } = await counted(session, () => server.inThread('portrait', fault));
      expect(words.length, words.join(' ')).toBeGreaterThanOrEqual(5);
      expect(await counters()).toEqual([before + 1, ...others]);
    },
  );

  it.each([
    ['killed', 'SIGKILL', 1_500],
    ['frozen', 'SIGSTOP', 3_000],
  ] as const)('its ffmpeg may be %s: who watches by HLS goes on watching', { timeout: 90_000 }, async (_, signal, longest) => {
    const session = await create();
    const page = await open(`${session.urls.page}&transport=hls`);
    const follower = follow(session);
    await page.waitForTimeout(3_000);
    await page.evaluate(() => {
      const video = document.querySelector('video') as HTMLVideoElement;
      let [last, since] = [video.currentTime, performance.now()];
      const seen = { stalledMs: 0, from: video.currentTime };
      Object.assign(window, { seen });
      setInterval(() => {
        if (video.currentTime !== last) [last, since] = [video.currentTime, performance.now()];
        seen.stalledMs = Math.max(seen.stalledMs, performance.now() - since);
      }, 20);
    });
    const [pid = NaN, ...others] = children(server.pid, 'ffmpeg');
    expect(others).toEqual([]);
    process.kill(pid, signal);
    await page.waitForTimeout(WATCHED);
    const { stalledMs, playedMs } = await page.evaluate(() => {
      const { seen } = window as unknown as { seen: { stalledMs: number; from: number } };
      const { currentTime } = document.querySelector('video') as HTMLVideoElement;
      return { stalledMs: seen.stalledMs, playedMs: (currentTime - seen.from) * 1_000 };
    });
    await follower.stop();
    expect(follower.complaints).toEqual([]);
    expect(follower.discontinuities).toBe(1);
    expect(stalledMs).toBeLessThan(longest);
    expect(playedMs).toBeGreaterThan(WATCHED - longest);
    expect(await page.getByTestId('transport').textContent()).toMatch(/hls/i);
    await page.close();
  });
});
