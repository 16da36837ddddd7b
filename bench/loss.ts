import type { Page } from 'playwright-core';
import type { CreatedSession } from '#protocol/http.ts';
import { recognise, wordsHeard } from '#test/recognise.ts';
import { launchBrowser } from '#test/support/browser.ts';
import { startRecording } from '#test/support/listen.ts';
import { keepConnections, watchPlayback, type Playback } from '#test/support/playback.ts';
import { LONG_TEXT, say } from '#test/support/say.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { RELAY_ADDRESS, UdpRelay } from '#test/support/udp-relay.ts';
import { round, type BenchResult } from './bench.ts';

/** Each way. */
const DELAY_MS = 15;
const SEED = 1;
/** From the first loss until the viewer has adapted to it. */
const SETTLE_MS = 4_000;
const IDLE_MS = 10_000;
/** A little less than the text takes. */
const TALKING_MS = 12_000;

const NETWORKS = [
  { name: 'no loss', faults: {} },
  { name: '1 % lost', faults: { loss: 0.01 } },
  { name: '5 % lost', faults: { loss: 0.05 } },
  { name: '10 % lost', faults: { loss: 0.1 } },
  { name: '20 % lost', faults: { loss: 0.2 } },
  { name: '20 % lost, in runs of 3', faults: { loss: 0.2, burst: 3 } },
  { name: '10 % reordered', faults: { reorder: 0.1 } },
];

type Talking = Playback & { readonly words: number };
type Measured = { readonly name: string; readonly idle: Playback; readonly talking: Talking };

/** What a viewer sees and hears on a bad network. */
export async function run(): Promise<BenchResult> {
  const server = await startServer({ ANNOUNCED_ADDRESS: RELAY_ADDRESS });
  const relay = await UdpRelay.open({ port: server.rtcPort, seed: SEED });
  relay.shape({ delayMs: DELAY_MS });
  const browser = await launchBrowser();
  try {
    await keepConnections(browser.context);
    const session = await server.createSession({});
    const page = await browser.open(session.urls.page);
    await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0.2, undefined, { timeout: 30_000 });
    const measured: Measured[] = [];
    for (const { name, faults } of NETWORKS) {
      relay.shape({ loss: 0, burst: 1, reorder: 0, ...faults });
      await page.waitForTimeout(SETTLE_MS);
      const idle = await watchPlayback(page, IDLE_MS);
      measured.push({ name, idle, talking: await talk(server, session, page) });
    }
    const words = (name: string): number => measured.find((one) => one.name === name)?.talking.words ?? 0;
    const gap = (name: string): number =>
      Math.max(
        ...measured.filter((one) => one.name === name).flatMap(({ idle, talking }) => [idle.longestGap, talking.longestGap]),
      );
    return {
      what: `A viewer behind a relay that delays by ${String(DELAY_MS)} ms and loses or holds up packets, each way (seed ${String(SEED)}); Chromium, 512²@25, ${String(IDLE_MS / 1_000)} s idle and ${String(TALKING_MS / 1_000)} s talking. Words as a recogniser finds them in what the page plays.`,
      goal: 'longest gap between painted pictures ≤ 200 ms at 5 %, ≤ 500 ms at 10 %; at 20 % ≥ 90 % of the words heard without loss',
      met: gap('5 % lost') <= 200 && gap('10 % lost') <= 500 && words('20 % lost') >= 0.9 * words('no loss'),
      rows: measured.flatMap(({ name, idle, talking }) => [
        { network: name, stage: 'idle', ...figures(idle), words: '' },
        { network: name, stage: 'talking', ...figures(talking), words: talking.words },
      ]),
    };
  } finally {
    await browser.close();
    await relay.close();
    await server.stop();
  }
}

async function talk(server: RunningServer, session: CreatedSession, page: Page): Promise<Talking> {
  const stopRecording = await startRecording(page);
  const over = await say(server, session, LONG_TEXT);
  const playback = await watchPlayback(page, TALKING_MS);
  await over();
  await page.waitForTimeout(1_000);
  return { ...playback, words: wordsHeard(LONG_TEXT, await recognise(await stopRecording())) };
}

function figures({ longestGap, freezes, painted, video, audio }: Playback): Record<string, number> {
  const share = (part: number | undefined, whole: number | undefined): number =>
    round((100 * (part ?? 0)) / Math.max(1, whole ?? 0));
  return {
    'longest gap, ms': round(longestGap, 0),
    'gaps > 200 ms': freezes,
    'painted %': round(painted * 100),
    'asked again': video['nackCount'] ?? 0,
    'came again': video['retransmittedPacketsReceived'] ?? 0,
    'keyframes asked': video['pliCount'] ?? 0,
    'repeats, % of bytes': share(video['retransmittedBytesReceived'], video['bytesReceived']),
    'voice asked again': audio['nackCount'] ?? 0,
    'voice concealed %': share(audio['concealedSamples'], audio['totalSamplesReceived']),
  };
}
