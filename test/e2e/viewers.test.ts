import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, readPaintedFrames, SMALL, type Browser } from '#test/support/browser.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

const playing = () => (document.querySelector('video')?.currentTime ?? 0) > 0.2;

describe('viewers of one stage', () => {
  let server: RunningServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer({ RENDERER: 'pattern' });
    browser = await launchBrowser({ viewport: SMALL });
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await server.stop();
  });

  it('see the same frame numbers, over WebRTC and over HLS, and those the stage says', { timeout: 120_000 }, async () => {
    const session = await server.createSession({});
    const { epochMs, fps } = await server.stage(session);
    const token = await server.call('POST', `/v1/sessions/${session.id}/tokens`, { role: 'viewer' }, session.token);
    const viewer = token.body as { urls: { page: string } };
    // A browser each: only the page in front paints.
    const second = await launchBrowser({ viewport: SMALL });
    const pages = [await browser.open(session.urls.page), await second.open(viewer.urls.page)];
    for (const page of pages) await page.waitForFunction(playing, undefined, { timeout: 30_000 });
    const seen = await Promise.all(pages.map((page) => readPaintedFrames(page, 4_000)));
    await second.close();
    const hlsPage = await browser.open(`${viewer.urls.page}&transport=hls`);
    await hlsPage.waitForFunction(playing, undefined, { timeout: 30_000 });
    seen.push(await readPaintedFrames(hlsPage, 4_000));
    const [first = [], other = [], hls = []] = seen;
    const shared = new Set(first.map((one) => one.frame));
    expect(
      other.filter((one) => shared.has(one.frame)).length,
      `painted: ${seen.map((one) => one.length).join(', ')}`,
    ).toBeGreaterThan(20);
    expect(hls.length).toBeGreaterThan(20);
    for (const painted of seen) {
      const ages = painted.map((one) => one.painted - (epochMs + (one.frame * 1_000) / fps));
      // A frame can't be seen before it was released, nor be one of another stage or hour.
      expect(Math.min(...ages)).toBeGreaterThan(-5);
      expect(Math.max(...ages)).toBeLessThan(15_000);
    }
    await pages[0]?.close();
    await hlsPage.close();
  });

  it('that come late get a picture at once, although nobody speaks', { timeout: 60_000 }, async () => {
    const session = await server.createSession({});
    for (let join = 0; join < 3; join += 1) {
      const page = await browser.open(session.urls.page);
      await page.waitForFunction(playing, undefined, { timeout: 10_000 });
      await page.close();
    }
  });

  it('without a WebRTC stack watch by HLS, by themselves', { timeout: 60_000 }, async () => {
    const session = await server.createSession({});
    const page = await browser.context.newPage();
    await page.addInitScript(() => Reflect.deleteProperty(window, 'RTCPeerConnection'));
    await page.goto(session.urls.page);
    await page.waitForFunction(playing, undefined, { timeout: 30_000 });
    expect((await page.getByTestId('transport').textContent())?.toLowerCase()).toContain('hls');
    await page.close();
  });
});
