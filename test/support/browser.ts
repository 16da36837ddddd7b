import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface Browser {
  readonly context: BrowserContext;
  open(url: string): Promise<Page>;
  close(): Promise<void>;
}

const DESKTOP = { width: 1280, height: 800 };
/** A viewport in which a picture that is painted without a GPU costs half as much. */
export const SMALL = { width: 640, height: 400 };

/** Debian's Chromium with a fresh profile. Sound may start by itself unless `autoplay` is false. */
export async function launchBrowser({ autoplay = true, flags = [] as string[], viewport = DESKTOP } = {}): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    headless: true,
    args: [...FLAGS, ...(autoplay ? ['--autoplay-policy=no-user-gesture-required'] : []), ...flags],
    viewport,
  });
  return {
    context,
    async open(url) {
      const page = await context.newPage();
      await page.goto(url);
      return page;
    },
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** One painted frame as the page saw it; times are Unix ms. */
export interface Painted {
  /** The test card's number. */
  readonly frame: number;
  /** When `requestVideoFrameCallback` ran. */
  readonly painted: number;
  /** When the compositor expects it on the screen. */
  readonly displayed: number;
}

/** Reads the test card's number from each frame the page paints, for `ms`. */
export function readPaintedFrames(page: Page, ms: number): Promise<Painted[]> {
  return page.evaluate(
    ({ ms }) =>
      new Promise<Painted[]>((resolve) => {
        const video = document.querySelector('video') as HTMLVideoElement;
        const canvas = new OffscreenCanvas(256, 32);
        const context = canvas.getContext('2d', { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D;
        const seen: Painted[] = [];
        const end = performance.now() + ms;
        const read = (_now: number, meta: VideoFrameCallbackMetadata): void => {
          const called = performance.now();
          context.drawImage(video, 0, 0, 256, 32, 0, 0, 256, 32);
          const { data } = context.getImageData(0, 0, 256, 32);
          let frame = 0;
          for (let bit = 0; bit < 32; bit += 1) {
            const x = (bit % 16) * 16 + 8;
            const y = bit < 16 ? 8 : 24;
            frame = frame * 2 + ((data[(y * 256 + x) * 4] ?? 0) > 127 ? 1 : 0);
          }
          seen.push({
            frame,
            painted: performance.timeOrigin + called,
            displayed: performance.timeOrigin + meta.expectedDisplayTime,
          });
          if (performance.now() < end) video.requestVideoFrameCallback(read);
          else resolve(seen);
        };
        video.requestVideoFrameCallback(read);
        setTimeout(() => resolve(seen), ms + 2_000);
      }),
    { ms },
  );
}
