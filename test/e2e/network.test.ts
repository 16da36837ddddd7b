import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import type { CreatedSession } from '#protocol/http.ts';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { msUntilPainted, paintedFrames, recordPaintedFrames } from '#test/support/painted.ts';
import { keepConnections } from '#test/support/playback.ts';
import { LONG_TEXT, say } from '#test/support/say.ts';
import { hearEvents, startFarServer, type FarServer } from '#test/support/two-paths.ts';

/** Promised are 3 s (p95, measured by the bench); a loaded machine gets as much again. */
const BACK = 6_000;
const OUTAGE = 5_000;
/** What is over sooner is told in some 8 s. */
const SHORT_TEXT = LONG_TEXT.slice(0, LONG_TEXT.indexOf(' The children'));

describe("when the viewer's network fails in the middle of a sentence", () => {
  let far: FarServer;
  let browser: Browser;
  let session: CreatedSession;
  let page: Page;
  let heard: ReturnType<typeof hearEvents>;
  let epochMs: number;

  beforeAll(async () => {
    browser = await launchBrowser({ viewport: SMALL });
    await recordPaintedFrames(browser.context);
    await keepConnections(browser.context);
  }, 120_000);
  afterAll(async () => {
    await browser.close();
  });
  beforeEach(async () => {
    far = await startFarServer();
    session = await far.server.createSession({});
    ({ epochMs } = await far.server.stage(session));
    page = await browser.context.newPage();
    heard = hearEvents(page);
    await page.goto(far.pageOf(session));
    await msUntilPainted(page, epochMs, epochMs);
  }, 60_000);
  afterEach(async () => {
    await page.close();
    await far.close();
  });

  const connections = (): Promise<number> =>
    page.evaluate(() => (window as unknown as { connections: RTCPeerConnection[] }).connections.length);
  const events = (wanted: string) => heard.filter(({ name }) => name === wanted).map(({ value }) => value);

  /** Lets the avatar say `text`, breaks the network by `fail`, and sees that all of the talk was told once, and ended well. */
  async function talkThrough(text: string, fail: () => Promise<void>): Promise<void> {
    const over = await say(far.server, session, text);
    await expect.poll(() => events('caption').length).toBeGreaterThan(0);
    await fail();
    await over();
    await expect.poll(() => events('turn').length, { timeout: 10_000 }).toBe(1);
    expect(events('turn')[0]).toMatchObject({ outcome: 'done', spoken: text });
    // Each clause may be told again with more of its words.
    const captions = [...new Map(events('caption').map((caption) => [caption['clause'], caption])).values()];
    expect(captions.map(({ clause }) => clause)).toEqual(captions.map((_, index) => index));
    expect(captions.map((caption) => String(caption['text']).trim()).join(' ')).toBe(text);
    // Told after the turn.
    await expect.poll(() => events('state').at(-1)?.['state']).toMatch(/listening|idle/);
    // While it buffers it tells each new guess at how long.
    const states = events('state').map((value) => JSON.stringify(value));
    expect(states.filter((state, index) => state === states[index - 1])).toEqual([]);
    const { body } = await far.server.call('GET', `/v1/sessions/${session.id}`, undefined, session.token);
    expect(body).toMatchObject({ viewers: { webrtc: 1 } });
    await expect.poll(() => page.getByTestId('transport').getAttribute('data-status')).toBe('live');
    expect(await page.getByTestId('transport').textContent()).toMatch(/webrtc/i);
  }

  it('gone for 5 s: the picture is back by itself, and what was said meanwhile is told, once', { timeout: 90_000 }, async () => {
    await talkThrough(LONG_TEXT, async () => {
      far.block(true);
      await page.waitForTimeout(OUTAGE);
      // The page says so, over the last picture.
      expect(await page.getByTestId('transport').getAttribute('data-status')).toBe('reconnecting');
      far.block(false);
      expect(await msUntilPainted(page, epochMs, Date.now())).toBeLessThan(BACK);
    });
  });

  it('media alone gone for 5 s: the socket stays, the picture comes back', { timeout: 90_000 }, async () => {
    await talkThrough(SHORT_TEXT, async () => {
      far.media.shape({ blocked: true });
      await page.waitForTimeout(OUTAGE);
      far.media.shape({ blocked: false });
      expect(await msUntilPainted(page, epochMs, Date.now())).toBeLessThan(BACK);
    });
  });

  it('changed: what was open is dead without a word, and the picture is back all the same', { timeout: 90_000 }, async () => {
    await talkThrough(SHORT_TEXT, async () => {
      await far.media.rebind();
      far.web.strand();
      expect(await msUntilPainted(page, epochMs, Date.now() + 100)).toBeLessThan(BACK);
    });
  });

  it('the socket alone cut: the picture goes on over the same transport', { timeout: 90_000 }, async () => {
    const [before, lines] = [await connections(), far.server.log.length];
    const said = (msg: string) => far.server.log.slice(lines).filter((line) => line['msg'] === msg).length;
    await talkThrough(SHORT_TEXT, async () => {
      const since = Date.now();
      far.web.cut();
      await expect.poll(() => said('socket is back'), { timeout: 10_000 }).toBe(1);
      await page.waitForTimeout(1_000);
      const times = (await paintedFrames(page)).map(({ at }) => at).filter((at) => at >= since);
      const gaps = times.slice(1).map((at, index) => at - (times[index] ?? at));
      expect(Math.max(...gaps)).toBeLessThan(1_000);
    });
    expect(said('socket dropped')).toBe(1);
    expect(said('socket left')).toBe(0);
    expect(await connections()).toBe(before);
  });
});
