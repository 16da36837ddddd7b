import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import type { CreatedSession } from '#protocol/http.ts';
import { recognise, wordsHeard } from '#test/recognise.ts';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { startRecording } from '#test/support/listen.ts';
import { keepConnections, watchPlayback, type Playback } from '#test/support/playback.ts';
import { LONG_TEXT, say } from '#test/support/say.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { RELAY_ADDRESS, UdpRelay } from '#test/support/udp-relay.ts';

/** Each way: a round trip of 30 ms. */
const DELAY_MS = 15;
/** From the first loss until the viewer has adapted to it. */
const SETTLE_MS = 4_000;
/** Of 45 words the recogniser finds about 40 in clean sound. */
const INTELLIGIBLE = 34;
/** Drawing starts with a burst of work. */
const BURST_MS = 3_000;

describe('a viewer on a network that loses packets, both ways', () => {
  let server: RunningServer;
  let relay: UdpRelay;
  let browser: Browser;
  let session: CreatedSession;
  let page: Page;

  beforeAll(async () => {
    server = await startServer({ ANNOUNCED_ADDRESS: RELAY_ADDRESS });
    relay = await UdpRelay.open({ port: server.rtcPort, seed: 20 });
    relay.shape({ delayMs: DELAY_MS });
    browser = await launchBrowser({ viewport: SMALL });
    await keepConnections(browser.context);
    session = await server.createSession({});
    page = await browser.open(session.urls.page);
    await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0.2, undefined, { timeout: 30_000 });
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await relay.close();
    await server.stop();
  });

  const lose = async (loss: number, reorder = 0): Promise<void> => {
    relay.shape({ loss, reorder });
    await page.waitForTimeout(SETTLE_MS);
  };
  const droppedToViewers = (): number => relay.counts.toViewers.dropped;

  /** The best of three looks: the gaps that a busy machine makes come and go, those that losses make are in each. */
  const best = async (look: () => Promise<Playback>, isGood: (playback: Playback) => boolean): Promise<Playback> => {
    const first = await look();
    if (isGood(first)) return first;
    const second = await look();
    return isGood(second) ? second : look();
  };

  it('sees no gap over 200 ms where packets overtake each other', async () => {
    await lose(0, 0.1);
    const look = (): Promise<Playback> => watchPlayback(page, 8_000);
    const { longestGap, painted } = await best(look, (seen) => seen.longestGap <= 200 && seen.painted > 0.9);
    expect(relay.counts.toViewers.reordered).toBeGreaterThan(50);
    expect(longestGap).toBeLessThanOrEqual(200);
    expect(painted).toBeGreaterThan(0.9);
  });

  it('sees no gap over 200 ms at 5 %, while the avatar listens', async () => {
    await lose(0.05);
    const before = droppedToViewers();
    const look = (): Promise<Playback> => watchPlayback(page, 10_000);
    const { longestGap, painted, video, audio } = await best(look, (seen) => seen.longestGap <= 200 && seen.painted > 0.9);
    expect(droppedToViewers() - before).toBeGreaterThan(30);
    expect(video['retransmittedPacketsReceived']).toBeGreaterThan(10);
    expect(audio['nackCount']).toBeGreaterThan(5);
    expect(longestGap).toBeLessThanOrEqual(200);
    expect(painted).toBeGreaterThan(0.9);
  });

  it('sees no gap over 500 ms at 10 %, while the avatar talks', async () => {
    await lose(0.1);
    const look = async (): Promise<Playback> => {
      const over = await say(server, session, LONG_TEXT);
      await page.waitForTimeout(BURST_MS);
      const seen = await watchPlayback(page, 8_000);
      await over();
      return seen;
    };
    const { longestGap, painted } = await best(look, (seen) => seen.longestGap <= 500 && seen.painted > 0.75);
    expect(longestGap).toBeLessThanOrEqual(500);
    expect(painted).toBeGreaterThan(0.75);
  });

  it('understands what is said at 20 %, nearly all of it as it was sent', async () => {
    await lose(0.2);
    const stopRecording = await startRecording(page);
    const over = await say(server, session, LONG_TEXT);
    const { audio } = await watchPlayback(page, 10_000);
    await over();
    await page.waitForTimeout(1_500);
    const heard = await recognise(await stopRecording());
    expect(wordsHeard(LONG_TEXT, heard), `heard: ${heard}`).toBeGreaterThanOrEqual(INTELLIGIBLE);
    // Held back for a minute after each time the server hears of losses, which it does every 20 s: one stretch, said once.
    expect(server.log.filter(({ msg }) => String(msg).includes('loses packets'))).toHaveLength(1);
    expect((audio['concealedSamples'] ?? 0) / (audio['totalSamplesReceived'] ?? 1)).toBeLessThan(0.1);
  });
});
