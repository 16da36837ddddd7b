/** One look at the stage: frame `frame` had been released when this client's clock showed `atMs`. */
interface Mark {
  readonly frame: number;
  readonly atMs: number;
  readonly fps: number;
}

/** A frame is heard and seen about this long after its release over WebRTC, ms: network, decoding, display. */
const WEBRTC_DELAY = 80;
/** RTP timestamps count the stage's ticks at 90 kHz in 32 bits. */
const RTP_PER_FRAME = 3_600;
const WRAP = 2 ** 32 / RTP_PER_FRAME;
/** The middle one of so many pictures counts: single ones come late, and a screen shows them only when it refreshes. */
const SEEN = 15;
/** Pictures older than this, ms, say nothing about now: they have stopped. */
const RECENT = 1_000;

interface Seen {
  readonly atMs: number;
  /** ms from the picture's release, by this client's clock, to its being shown. */
  readonly delay: number;
}

/** Which frame of the stage this viewer sees and hears now. The stage's clock is mapped to this machine's monotonic one, so wrong wall clocks don't matter. */
export class StageClock {
  /** When the latest pictures were shown, and their places on the stage. */
  #shown: Seen[] = [];
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
    return this.#mark && this.#frameAt(this.#mark, this.#now());
  }

  /** A picture that came over WebRTC is on the screen at `shownMs`. What is seen with it is heard with it, since the server sees to that. */
  picture(rtpTimestamp: number, shownMs: number): void {
    if (!this.#mark) return;
    const released = this.#frameAt(this.#mark, shownMs);
    const frame = rtpTimestamp / RTP_PER_FRAME;
    const late = released - frame - WRAP * Math.round((released - frame) / WRAP);
    this.#shown = [...this.#shown.slice(1 - SEEN), { atMs: shownMs, delay: (late * 1_000) / this.#mark.fps }];
  }

  /** The frame heard now. @param playingMs for HLS: the Unix ms the playlist gives to what is playing (EXT-X-PROGRAM-DATE-TIME) */
  heard(playingMs?: number): number | undefined {
    if (playingMs !== undefined && this.#epochMs !== undefined) return ((playingMs - this.#epochMs) * this.#fps) / 1_000;
    return this.released === undefined ? undefined : this.released - (this.#delay * this.#fps) / 1_000;
  }

  #frameAt({ frame, atMs, fps }: Mark, ms: number): number {
    return frame + ((ms - atMs) * fps) / 1_000;
  }

  get #delay(): number {
    const latest = this.#shown.at(-1);
    if (!latest || this.#now() - latest.atMs > RECENT) return WEBRTC_DELAY;
    const delays = this.#shown.map(({ delay }) => delay).sort((a, b) => a - b);
    return delays[Math.floor(delays.length / 2)] ?? WEBRTC_DELAY;
  }
}
