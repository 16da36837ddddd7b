import type { HlsPlayer } from './hls.ts';
import { Owned } from './owned.ts';
import { compare, framesDecoded, packetsReceived, read, type Reading, type Stats } from './stats.ts';
import type { WebRtc } from './webrtc.ts';

/** One try at getting the picture, from its first request to its last frame. */
export class Attempt {
  readonly owned = new Owned();
  webrtc: WebRtc | undefined;
  hls: HlsPlayer | undefined;
  #reading: Reading | undefined;

  /** Whether pictures arrive, seen from the decoder: in a tab nobody looks at no video element tells. */
  async isDecoding(): Promise<boolean> {
    const report = await this.webrtc?.stats().catch(() => undefined);
    return report !== undefined && framesDecoded(read(report, performance.now())) > 0;
  }

  /** Packets that have come over WebRTC so far. */
  async packets(): Promise<number> {
    const report = await this.webrtc?.stats();
    return report ? packetsReceived(read(report, performance.now())) : 0;
  }

  /** What was measured since the last call; undefined at first. */
  async measure(): Promise<Stats | undefined> {
    const playingMs = this.hls?.playingMs;
    if (playingMs !== undefined) return { hls_latency_ms: Math.round(Date.now() - playingMs) };
    if (!this.webrtc) return undefined;
    const before = this.#reading;
    this.#reading = read(await this.webrtc.stats(), performance.now());
    return before && compare(before, this.#reading);
  }

  close(): void {
    this.owned.close();
  }
}
