import type { BrowserContext, Page } from 'playwright-core';

/** What the viewer's own WebRTC stack counted, and when each picture was painted; all over the time watched. */
export interface Playback {
  /** Longest time between two painted pictures, ms. */
  readonly longestGap: number;
  /** Gaps of more than 200 ms. */
  readonly freezes: number;
  /** Pictures painted of those that were sent meanwhile (25 a second), 0–1. */
  readonly painted: number;
  readonly video: Readonly<Record<string, number>>;
  readonly audio: Readonly<Record<string, number>>;
}

type Connections = { connections?: RTCPeerConnection[] };

/** Keeps the peer connections that pages of `context` open within reach of `watchPlayback`. */
export async function keepConnections(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const Original = RTCPeerConnection;
    const connections: RTCPeerConnection[] = [];
    class Kept extends Original {
      constructor(options?: RTCConfiguration) {
        super(options);
        connections.push(this);
      }
    }
    Object.assign(window, { RTCPeerConnection: Kept, connections });
  });
}

/** Watches the page's stage for `ms`. */
export async function watchPlayback(page: Page, ms: number): Promise<Playback> {
  const before = await inbound(page);
  const times = await paintTimes(page, ms);
  const after = await inbound(page);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  return {
    longestGap: Math.max(ms - (times.at(-1) ?? 0), times[0] ?? ms, ...gaps),
    freezes: gaps.filter((gap) => gap > 200).length,
    painted: times.length / (ms / 40),
    video: grown(before['video'], after['video']),
    audio: grown(before['audio'], after['audio']),
  };
}

/** What the page's stack counted of its sound since it joined. */
export const soundOf = async (page: Page): Promise<Readonly<Record<string, number>>> => (await inbound(page))['audio'] ?? {};

/** ms since the start at which pictures were handed to the compositor. */
function paintTimes(page: Page, ms: number): Promise<number[]> {
  return page.evaluate(
    (ms) =>
      new Promise<number[]>((resolve) => {
        const video = document.querySelector('video') as HTMLVideoElement;
        const times: number[] = [];
        const start = performance.now();
        const note = (_now: number, { presentationTime }: VideoFrameCallbackMetadata): void => {
          times.push(presentationTime - start);
          video.requestVideoFrameCallback(note);
        };
        video.requestVideoFrameCallback(note);
        setTimeout(() => resolve(times.filter((time) => time >= 0 && time <= ms)), ms);
      }),
    ms,
  );
}

/** The numbers of the last connection's inbound streams, by kind. mediasoup's probation stream (SSRC 1234) is not media. */
async function inbound(page: Page): Promise<Record<string, Record<string, number>>> {
  return page.evaluate(async () => {
    const streams: Record<string, Record<string, number>> = {};
    const report = await (window as Connections).connections?.at(-1)?.getStats();
    report?.forEach((stats: RTCInboundRtpStreamStats) => {
      if (stats.type !== 'inbound-rtp' || stats.ssrc === 1234) return;
      streams[stats.kind] = Object.fromEntries(
        Object.entries(stats).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
      );
    });
    return streams;
  });
}

function grown(before: Record<string, number> = {}, after: Record<string, number> = {}): Record<string, number> {
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]));
}
