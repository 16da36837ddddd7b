import type { Browser } from '#test/support/browser.ts';
import { launchBrowser } from '#test/support/browser.ts';
import { startServer } from '#test/support/server.ts';
import { percentile, round, type BenchResult } from './bench.ts';

const JOINS = 20;

/** Click → first painted frame: from the navigation's start to the first painted picture of the stage. */
export async function run(): Promise<BenchResult> {
  const server = await startServer();
  const browser = await launchBrowser();
  try {
    const session = await server.createSession({});
    await joinMs(browser, session.urls.page);
    const idle = await joins(browser, session.urls.page, () => Promise.resolve());
    const talking = await joins(browser, session.urls.page, async () => {
      if ((await server.stage(session)).state === 'speaking') return;
      await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Tell me a story.' }, session.token);
      while ((await server.stage(session)).state !== 'speaking') await new Promise((resolve) => setTimeout(resolve, 50));
    });
    return {
      what: `Navigation start → first painted picture of the stage, ms, ${String(JOINS)} joins each (page from the HTTP cache as for a returning visitor).`,
      goal: 'p50 ≤ 300, p95 ≤ 500 ms',
      met: [idle, talking].every(({ p50, p95 }) => p50 <= 300 && p95 <= 500),
      rows: [
        { stage: 'idle', ...idle },
        { stage: 'talking', ...talking },
      ],
    };
  } finally {
    await browser.close();
    await server.stop();
  }
}

async function joins(
  browser: Browser,
  url: string,
  before: () => Promise<void>,
): Promise<{ p50: number; p95: number; max: number }> {
  const times: number[] = [];
  for (let i = 0; i < JOINS; i += 1) {
    await before();
    times.push(await joinMs(browser, url));
  }
  return { p50: round(percentile(times, 0.5)), p95: round(percentile(times, 0.95)), max: round(Math.max(...times)) };
}

async function joinMs(browser: Browser, url: string): Promise<number> {
  const page = await browser.context.newPage();
  await page.addInitScript(() => {
    const waitForVideo = (): void => {
      const video = document.querySelector('video');
      if (!video) requestAnimationFrame(waitForVideo);
      else video.requestVideoFrameCallback((now) => document.documentElement.setAttribute('data-first-frame', String(now)));
    };
    waitForVideo();
  });
  await page.goto(url, { waitUntil: 'commit' });
  await page.waitForFunction(() => document.documentElement.dataset['firstFrame'] !== undefined, undefined, { timeout: 20_000 });
  const ms = await page.evaluate(() => Number(document.documentElement.dataset['firstFrame']));
  await page.close();
  return ms;
}
