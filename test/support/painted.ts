import type { BrowserContext, Page } from 'playwright-core';

/** One painted frame of the stage: when, Unix ms, and its number on the stage. */
export interface Seen {
  readonly at: number;
  readonly frame: number;
}

/** Pages of this context remember each frame of a WebRTC picture they paint, from their first on. */
export async function recordPaintedFrames(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const seen: Seen[] = [];
    Object.assign(window, { seen });
    const record = (video: HTMLVideoElement): void => {
      video.requestVideoFrameCallback((_, { rtpTimestamp }) => {
        // The RTP clock of video runs at 90 kHz, 3,600 a frame, from the stage's first.
        if (rtpTimestamp !== undefined)
          seen.push({ at: performance.timeOrigin + performance.now(), frame: rtpTimestamp / 3_600 });
        record(video);
      });
    };
    const find = (): void => {
      const video = document.querySelector('video');
      if (video) record(video);
      else requestAnimationFrame(find);
    };
    find();
  });
}

export const paintedFrames = (page: Page): Promise<Seen[]> =>
  page.evaluate(() => (window as unknown as { seen: Seen[] }).seen.slice());

/** Waits for a frame that the stage released later than `since` (Unix ms) and says how long after that it was painted, ms. */
export async function msUntilPainted(page: Page, epochMs: number, since: number, timeout = 20_000): Promise<number> {
  const from = Math.ceil((since - epochMs) / 40);
  const found = await page.waitForFunction(
    (from) => (window as unknown as { seen: Seen[] }).seen.find(({ frame }) => frame >= from),
    from,
    { timeout, polling: 50 },
  );
  return ((await found.jsonValue()) as Seen).at - since;
}
