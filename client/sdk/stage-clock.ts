/** One look at the stage: frame `frame` had been released when this client's clock showed `atMs`. */
interface Mark {
  readonly frame: number;
  readonly atMs: number;
  readonly fps: number;
}

/** A frame is heard and seen about this long after its release over WebRTC, ms: network, decoding, display. */
const WEBRTC_DELAY = 80;

/** Which frame of the stage this viewer sees and hears now. The stage's clock is mapped to this machine's monotonic one, so wrong wall clocks don't matter. */
export class StageClock {
  #mark: Mark | undefined;
  #epochMs: number | undefined;
  #fps = 25;
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** From the answer to `join`, right as far as both wall clocks agree. @param wallMs this machine's Unix ms */
  begin({ epochMs, fps }: { epochMs: number; fps: number }, wallMs: number): void {
    this.#epochMs = epochMs;
    this.#fps = fps;
    this.#mark ??= { frame: ((wallMs - epochMs) * fps) / 1_000, atMs: this.#now(), fps };
  }

  /** From `GET …/stage`, asked at `sentMs` of this clock and answered now. The server looked half-way, in the middle of a frame. */
  sync({ frame, fps, epochMs }: { frame: number; fps: number; epochMs: number }, sentMs: number): void {
    this.#epochMs = epochMs;
    this.#fps = fps;
    this.#mark = { frame: frame + 0.5, atMs: (sentMs + this.#now()) / 2, fps };
  }

  get nowMs(): number {
    return this.#now();
  }

  /** The frame released now. */
  get released(): number | undefined {
    return this.#mark && this.#mark.frame + ((this.#now() - this.#mark.atMs) * this.#mark.fps) / 1_000;
  }

  /** The frame heard now. @param playingMs for HLS: the Unix ms the playlist gives to what is playing (EXT-X-PROGRAM-DATE-TIME) */
  heard(playingMs?: number): number | undefined {
    if (playingMs !== undefined && this.#epochMs !== undefined) return ((playingMs - this.#epochMs) * this.#fps) / 1_000;
    return this.released === undefined ? undefined : this.released - (WEBRTC_DELAY * this.#fps) / 1_000;
  }
}
