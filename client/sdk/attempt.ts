import type { HlsPlayer } from './hls.ts';
import { Owned } from './owned.ts';
import { watchPictures } from './picture.ts';
import { compare, framesDecoded, outputMs, packetsReceived, read, samplesAdded, type Reading, type Stats } from './stats.ts';
import { SyncMeter, type Offset } from './sync-meter.ts';
import type { WebRtc } from './webrtc.ts';

/** How often the sound is looked at, ms. Not a multiple of the 20 ms of a packet, so that it is met at each of its moments. */
const LISTEN_EVERY = 47;
/** By how much sound and picture must have moved against each other for it to be told at once, ms: the screen's grid alone makes 1 or 2. */
const SHIFT = 4;

export interface Measured {
  readonly stats: Stats;
  /** Where sound and picture could be compared. */
  readonly sync?: Offset;
}

/** One try at getting the picture, from its first request to its last frame. */
export class Attempt {
  readonly owned = new Owned();
  webrtc: WebRtc | undefined;
  hls: HlsPlayer | undefined;
  readonly #meter = new SyncMeter();
  #reading: Reading | undefined;
  #glanced: Reading | undefined;
  #latest: Offset | undefined;
  #toldMs: number | undefined;

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

  /** Follows what comes over WebRTC to the eye and the ear; tells `seen` of each picture. */
  watch(video: HTMLVideoElement, seen: (rtpTimestamp: number, paintedMs: number, shownMs: number) => void): void {
    watchPictures(video, this.owned, (rtpTimestamp, paintedMs, shownMs) => {
      this.#meter.picture(rtpTimestamp, shownMs);
      seen(rtpTimestamp, paintedMs, shownMs);
    });
    this.owned.every(LISTEN_EVERY, () => {
      const sound = this.webrtc?.sounding;
      if (sound) this.#meter.sound(sound.rtpTimestamp, sound.sinceMs);
    });
  }

  /** What was measured since the last call; undefined at first. */
  async measure(): Promise<Measured | undefined> {
    const playingMs = this.hls?.playingMs;
    if (playingMs !== undefined) return { stats: { hls_latency_ms: Math.round(Date.now() - playingMs) } };
    if (!this.webrtc) return undefined;
    const before = this.#reading;
    this.#reading = read(await this.webrtc.stats(), performance.now());
    if (!before) return undefined;
    const stats: Stats = { ...compare(before, this.#reading), held_ms: Math.round(this.webrtc.heldMs) };
    const sync = this.#tell();
    return sync ? { stats, sync } : { stats };
  }

  /** How far sound and picture are apart since the last call, where that has changed since it was last told. */
  async glance(): Promise<Offset | undefined> {
    if (!this.webrtc) return undefined;
    const before = this.#glanced;
    const now = (this.#glanced = read(await this.webrtc.stats(), performance.now()));
    const output = before && outputMs(before, now);
    this.#latest = output === undefined ? undefined : this.#meter.take(output, samplesAdded(now));
    const isNews = this.#toldMs === undefined || Math.abs((this.#latest?.offsetMs ?? this.#toldMs) - this.#toldMs) >= SHIFT;
    return isNews ? this.#tell() : undefined;
  }

  #tell(): Offset | undefined {
    const sync = this.#latest;
    this.#latest = undefined;
    this.#toldMs = sync?.offsetMs ?? this.#toldMs;
    return sync;
  }

  close(): void {
    this.owned.close();
  }
}
