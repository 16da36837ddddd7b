import type { Page } from 'playwright-core';
import type { Browser } from './browser.ts';

/** One whole second of the test card's speech as a viewer met it. */
export interface Meeting {
  /** Unix ms. */
  readonly at: number;
  /** The beep was heard so much after the flash was seen, ms, the way through the output device included. */
  readonly offsetMs: number;
}

interface Recorded {
  readonly flashes: number[];
  readonly beeps: number[];
  readonly outputMs: number;
  readonly timeOrigin: number;
}

/** Opens the page of a stage that shows the test card and speaks silence, and records each flash it paints and each beep it plays. */
export async function openWatched(browser: Browser, url: string): Promise<Page> {
  const page = await browser.context.newPage();
  await page.addInitScript(record);
  await page.goto(url);
  await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0, undefined, { timeout: 30_000 });
  return page;
}

/** What was met since the last call. A flash without a beep near it, or the other way round, is left out. */
export async function meetings(page: Page): Promise<Meeting[]> {
  const { flashes, beeps, outputMs, timeOrigin } = await page.evaluate(() =>
    (window as unknown as { recorded: () => Promise<Recorded> }).recorded(),
  );
  return flashes.flatMap((flash) => {
    const beep = beeps.find((at) => Math.abs(at + outputMs - flash) < 480);
    return beep === undefined ? [] : [{ at: timeOrigin + flash, offsetMs: beep + outputMs - flash }];
  });
}

/** Runs in the page. Flashes are taken when the compositor expects them on the screen, beeps when the jitter buffer gives them out. */
function record(): void {
  /** Of 32,768; the beep has 8,192 and the rest is silence. */
  const LOUD = 1_500;
  let [flashes, beeps]: [number[], number[]] = [[], []];
  let peer: RTCPeerConnection | undefined;
  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      this.addEventListener('track', ({ track }) => {
        // eslint-disable-next-line @typescript-eslint/no-this-alias
        peer = this;
        if (track.kind === 'audio') void listen(track);
      });
    }
  };

  async function listen(track: MediaStreamTrack): Promise<void> {
    type Sound = {
      timestamp: number;
      numberOfFrames: number;
      sampleRate: number;
      copyTo(to: Float32Array, how: object): void;
      close(): void;
    };
    const Processor = (
      window as unknown as { MediaStreamTrackProcessor: new (of: object) => { readable: ReadableStream<Sound> } }
    ).MediaStreamTrackProcessor;
    const reader = new Processor({ track: track.clone() }).readable.getReader();
    let last = Number.NEGATIVE_INFINITY;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const samples = new Float32Array(value.numberOfFrames);
      value.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      samples.forEach((sample, index) => {
        if (Math.abs(sample) * 32_768 < LOUD) return;
        const at = value.timestamp / 1_000 + (1_000 * index) / value.sampleRate;
        if (at - last > 300) beeps.push(at);
        last = at;
      });
      value.close();
    }
  }

  const canvas = new OffscreenCanvas(4, 4);
  const context = canvas.getContext('2d', { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D;
  let wasLit = false;
  const look = (video: HTMLVideoElement): void => {
    video.requestVideoFrameCallback((_now, { expectedDisplayTime }) => {
      look(video);
      context.drawImage(video, video.videoWidth / 2 - 20, video.videoHeight / 2 - 20, 40, 40, 0, 0, 4, 4);
      const lit = (context.getImageData(2, 2, 1, 1).data[1] ?? 0) > 160;
      if (lit && !wasLit) flashes.push(expectedDisplayTime);
      wasLit = lit;
    });
  };
  const find = (): void => {
    const video = document.querySelector('video');
    if (video) look(video);
    else requestAnimationFrame(find);
  };
  find();

  let before = { delay: 0, samples: 0 };
  const recorded = async (): Promise<Recorded> => {
    const now = { ...before };
    (await peer?.getStats())?.forEach((stats: { type: string; totalPlayoutDelay: number; totalSamplesCount: number }) => {
      if (stats.type === 'media-playout')
        Object.assign(now, { delay: stats.totalPlayoutDelay, samples: stats.totalSamplesCount });
    });
    const outputMs = (1_000 * (now.delay - before.delay)) / Math.max(1, now.samples - before.samples);
    before = now;
    const seen = { flashes, beeps, outputMs, timeOrigin: performance.timeOrigin };
    [flashes, beeps] = [[], []];
    return seen;
  };
  Object.assign(window, { recorded });
}
