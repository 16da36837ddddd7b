import type { Page } from 'playwright-core';
import { build, type Rollup } from 'vite';
import type { CreatedSession } from '#protocol/http.ts';
import { launchBrowser, type Browser } from '#test/support/browser.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { percentile, round, type BenchResult } from './bench.ts';

const JOINS = 40;

/** Click → first painted frame, in a page that embeds the SDK; beside it the product's whole page, from the start of its navigation. */
export async function run(): Promise<BenchResult> {
  const sdk = await bundleSdk();
  const server = await startServer();
  const browser = await launchBrowser();
  try {
    const session = await server.createSession({});
    const click = (): Promise<number> => joinByClick(browser, sdk, server, session);
    const load = (): Promise<number> => joinByNavigation(browser, session);
    await click();
    await load();
    const talk = (): Promise<void> => keepTalking(server, session);
    const idle = await joins(click, () => Promise.resolve());
    const idlePage = await joins(load, () => Promise.resolve());
    const talking = await joins(click, talk);
    const talkingPage = await joins(load, talk);
    return {
      what: `Joining, ms to the first painted picture of the stage, ${String(JOINS)} joins each, every one in a fresh page: from a click in a page with the SDK alone, and from the navigation to the product’s own page (loading, parsing and drawing it included).`,
      goal: 'click: p50 ≤ 300, p95 ≤ 500 ms',
      met: [idle, talking].every(({ p50, p95 }) => p50 <= 300 && p95 <= 500),
      rows: [
        { from: 'click', stage: 'idle', ...idle },
        { from: 'click', stage: 'talking', ...talking },
        { from: 'navigation', stage: 'idle', ...idlePage },
        { from: 'navigation', stage: 'talking', ...talkingPage },
      ],
    };
  } finally {
    // Where the browser is gone already, what ended the run is what there is to say.
    await browser.close().catch(() => undefined);
    await server.stop();
  }
}

async function joins(
  join: () => Promise<number>,
  before: () => Promise<void>,
): Promise<{ p50: number; p95: number; max: number }> {
  const times: number[] = [];
  for (let i = 0; i < JOINS; i += 1) {
    await before();
    times.push(await join());
  }
  return { p50: round(percentile(times, 0.5)), p95: round(percentile(times, 0.95)), max: round(Math.max(...times)) };
}

async function keepTalking(server: RunningServer, session: CreatedSession): Promise<void> {
  if ((await server.stage(session)).state === 'speaking') return;
  await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Tell me a story.' }, session.token);
  while ((await server.stage(session)).state !== 'speaking') await new Promise((resolve) => setTimeout(resolve, 50));
}

/** The files of the SDK as a page would load them, by name; `sdk.js` is the entry. */
async function bundleSdk(): Promise<Map<string, string>> {
  const lib = { entry: 'client/sdk/index.ts', formats: ['es' as const], fileName: () => 'sdk.js' };
  const built = (await build({
    configFile: false,
    logLevel: 'silent',
    // A page's own bundler would do that; a library build leaves it to it.
    define: { 'process.env.NODE_ENV': '"production"' },
    build: { write: false, minify: true, lib },
  })) as Rollup.RollupOutput[];
  const files = built.flatMap(({ output }) => output);
  return new Map(files.map((file) => [file.fileName, file.type === 'chunk' ? file.code : String(file.source)]));
}

const EMBEDDER = `<!doctype html><video autoplay muted playsinline width="512" height="512"></video><button>Join</button>
<script type="module">
import { connect } from './sdk.js';
const video = document.querySelector('video');
document.querySelector('button').onclick = () => {
  const clicked = performance.now();
  connect(window.join).attach(video);
  video.requestVideoFrameCallback(() => (document.documentElement.dataset.firstFrame = performance.now() - clicked));
};
document.documentElement.dataset.ready = 'yes';
</script>`;

async function joinByClick(
  browser: Browser,
  sdk: Map<string, string>,
  server: RunningServer,
  { id, token }: CreatedSession,
): Promise<number> {
  const page = await browser.context.newPage();
  const folder = `${server.url}/embedder/`;
  await page.route(`${folder}**`, (route) => {
    const name = route.request().url().slice(folder.length);
    return route.fulfill({ contentType: name ? 'text/javascript' : 'text/html', body: name ? (sdk.get(name) ?? '') : EMBEDDER });
  });
  await page.addInitScript((join) => Object.assign(window, { join }), { session: id, token });
  await page.goto(folder);
  await page.waitForFunction(() => document.documentElement.dataset['ready'] !== undefined);
  await page.click('button');
  return firstFrame(page);
}

async function joinByNavigation(browser: Browser, { urls }: CreatedSession): Promise<number> {
  const page = await browser.context.newPage();
  await page.addInitScript(() => {
    const waitForVideo = (): void => {
      const video = document.querySelector('video');
      if (!video) requestAnimationFrame(waitForVideo);
      else video.requestVideoFrameCallback(() => (document.documentElement.dataset['firstFrame'] = String(performance.now())));
    };
    waitForVideo();
  });
  await page.goto(urls.page, { waitUntil: 'commit' });
  return firstFrame(page);
}

async function firstFrame(page: Page): Promise<number> {
  await page.waitForFunction(() => document.documentElement.dataset['firstFrame'] !== undefined, undefined, { timeout: 20_000 });
  const ms = await page.evaluate(() => Number(document.documentElement.dataset['firstFrame']));
  await page.close();
  return ms;
}
