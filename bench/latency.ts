import type { Page } from 'playwright-core';
import { launchBrowser, readPaintedFrames, type Painted } from '#test/support/browser.ts';
import { startServer } from '#test/support/server.ts';
import { percentile, round, type BenchResult } from './bench.ts';
import { paintedFromPeer } from './peer.ts';

const MEASURE_MS = 15_000;
const SETTLE_MS = 3_000;

/** Test card barcode: frame released → painted in Chromium, through our stage, through a libwebrtc peer and over HLS. */
export async function run(): Promise<BenchResult> {
  const server = await startServer({ RENDERER: 'pattern' });
  const browser = await launchBrowser();
  try {
    const session = await server.createSession({});
    const { epochMs } = await server.stage(session);
    const watch = async (query: string): Promise<Row> => {
      const page = await browser.open(`${session.urls.page}${query}`);
      const painted = await settledFrames(page);
      await page.close();
      return figures(painted, epochMs);
    };
    const webrtc = await watch('');
    const hls = await watch('&transport=hls');
    const peer = figures(...(await paintedFromPeer(browser, SETTLE_MS, MEASURE_MS)));
    return {
      what: 'Frame released → painted in Chromium (`requestVideoFrameCallback`), ms: our stage by mediasoup-client, the same test card through a libwebrtc peer (@roamhq/wrtc, VP8), and over HLS.',
      goal: 'painted p50 ≤ 15, p95 ≤ 35 ms; ≥ 3× sooner than the peer; HLS ≤ 4.5 s',
      met: webrtc.p50 <= 15 && webrtc.p95 <= 35 && peer.p50 / webrtc.p50 >= 3 && hls.p50 <= 4_500,
      rows: [
        { path: 'stage → WebRTC', ...webrtc },
        { path: 'libwebrtc peer', ...peer },
        { path: 'stage → HLS', ...hls },
        { path: 'peer ÷ stage', p50: round(peer.p50 / webrtc.p50, 2), p95: round(peer.p95 / webrtc.p95, 2) },
      ],
    };
  } finally {
    await browser.close();
    await server.stop();
  }
}

type Row = { frames: number; p50: number; p95: number; 'display p50': number; 'display p95': number };

async function settledFrames(page: Page): Promise<Painted[]> {
  await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0, undefined, { timeout: 30_000 });
  await page.waitForTimeout(SETTLE_MS);
  return readPaintedFrames(page, MEASURE_MS);
}

function figures(painted: readonly Painted[], epochMs: number): Row {
  const released = (frame: number): number => epochMs + frame * 40;
  const late = painted.map((one) => one.painted - released(one.frame));
  const shown = painted.map((one) => one.displayed - released(one.frame));
  return {
    frames: painted.length,
    p50: round(percentile(late, 0.5)),
    p95: round(percentile(late, 0.95)),
    'display p50': round(percentile(shown, 0.5)),
    'display p95': round(percentile(shown, 0.95)),
  };
}
