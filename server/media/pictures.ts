import type { Blend, Expression } from '#base/expression.ts';
import { FPS, TICKS_PER_FRAME, type AvFrame, type Packet, type VideoFrame } from '#base/media.ts';
import type { Log } from '#base/log.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { stampFrameNumber } from './barcode.ts';
import { VideoEncoder } from './encoder.ts';
import { IdleFace, type ExpressionReel, type IdleSource } from './idle-face.ts';
import { DUCKED_AT_MOST, type Turning } from './playout.ts';
import { FADE, Seam } from './seam.ts';

/** A keyframe on request at most every 200 ms. */
const KEYFRAME_GAP = 5;
/** The idle face takes over with so many missing pictures in a row, 80 ms after the first, while the voice goes on: a frozen face is worse than a resting mouth. */
const PATIENCE = 3;
/** Spoken pictures that are kept after they were shown: a voice that was ducked goes on up to 300 ms before, with its pictures. */
const KEPT = 9;
/** And for so long, frames: longer than a voice can be ducked. */
const KEPT_DUCKED = 2 * FPS * (DUCKED_AT_MOST / 1_000);
/** Pictures being composed or encoded at once; more means that the machine can't keep up. */
const MAX_PENDING = 3;

export interface PicturesOptions {
  readonly idle: IdleSource;
  /** How it looks when it listens and thinks, once that is there. */
  readonly expressions?: (() => ExpressionReel | undefined) | undefined;
  /** Draw each frame's number into it (the test card). */
  readonly stamped: boolean;
  readonly metrics: Metrics;
  readonly log: Log;
  emit(packet: Packet): void;
}

/**
 * Turns released frames into H.264 packets, in order: stored packets while nobody speaks, the one live encoder otherwise. Live and stored meet
 * at an IDR: live starts with one, stored takes over at the next whole second.
 */
export class Pictures {
  mode: 'stored' | 'live' = 'stored';
  /** While true there is a keyframe at each whole second (HLS cuts there). */
  gridded = false;
  readonly #options: PicturesOptions;
  readonly #idle: IdleFace;
  readonly #seam: Seam;
  #encoder: Promise<VideoEncoder> | undefined;
  #work: Promise<void> = Promise.resolve();
  #pending = 0;
  #keyframeWanted = true;
  #lastKeyframe = Number.NEGATIVE_INFINITY;
  #closed = false;
  /** Missing pictures in a row. */
  #missing = 0;
  #lastSpoken: VideoFrame | undefined;
  /** Spoken pictures before it that may be shown again, oldest first. */
  readonly #shown: VideoFrame[] = [];
  /** The stage frame until which they are kept, though idle is on air. */
  #keptUntil = Number.NEGATIVE_INFINITY;
  /** Stamped pictures, one after the other. */
  #stamped: Uint8Array | undefined;

  constructor(options: PicturesOptions) {
    this.#options = options;
    this.#idle = new IdleFace(options.idle, options.expressions);
    this.#seam = new Seam(this.#idle, options.metrics, options.stamped ? 0 : FADE);
  }

  /** The idle loop's frame on air at stage frame `frame`, if nobody speaks then. */
  idleFrame(frame: number): number {
    return this.#idle.index(frame);
  }

  /** What will be seen of each expression at stage frame `frame`, if nobody speaks until then. */
  blend(frame: number): Blend {
    return this.#idle.blend(frame);
  }

  attend(expression: Expression): void {
    this.#idle.attend(expression);
  }

  nod(): void {
    this.#idle.nod();
  }

  requestKeyframe(): void {
    this.#keyframeWanted = true;
  }

  /** Gets ready for a switch that happens at stage frame `frame`. */
  turning(frame: number, to: Turning, last: AvFrame | undefined): void {
    if (to === 'speech') this.#missing = 0;
    this.#keptUntil = to === 'idle' ? Number.NEGATIVE_INFINITY : to === 'ducked' ? frame + KEPT_DUCKED : frame;
    this.#seam.turn(frame, to === 'speech' ? to : 'idle', last?.picture ?? this.#lastSpoken);
    void this.#open();
  }

  release(frame: number, spoken: AvFrame | undefined, overdue: boolean): void {
    this.#idle.advance(frame);
    if (spoken && !spoken.picture) this.#options.metrics.playoutLateFrames.inc();
    if (spoken && !this.#follow(frame, spoken.picture)) return;
    if (!spoken && frame >= this.#keptUntil) this.#rest();
    if (!spoken?.picture && this.#storedTakes(frame)) return this.#releaseStored(frame);
    if (overdue || this.#pending >= MAX_PENDING) {
      if (spoken?.picture) this.#options.metrics.playoutLateFrames.inc();
      return;
    }
    this.#releaseLive(frame, spoken?.picture);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#rest();
    await this.#work;
    this.#seam.release();
    await (await this.#encoder)?.close();
  }

  /** False while a missing picture is waited for; afterwards the idle face covers for it until pictures come again. */
  #follow(frame: number, picture: VideoFrame | undefined): boolean {
    if (picture) {
      if (this.#missing >= PATIENCE) this.#seam.turn(frame, 'speech', undefined);
      this.#missing = 0;
      this.#replace(picture);
      return true;
    }
    this.#missing += 1;
    if (this.#missing === PATIENCE) {
      this.#seam.turn(frame, 'idle', this.#lastSpoken);
      this.#lastSpoken = undefined;
    }
    return this.#missing >= PATIENCE;
  }

  /** The picture before may be let go once it is encoded and won't be shown again: idle would now take over from this one. */
  #replace(picture: VideoFrame): void {
    const before = this.#lastSpoken;
    this.#lastSpoken = picture;
    const again = this.#shown.indexOf(picture);
    if (again >= 0) this.#shown.splice(again, 1);
    if (before && before !== picture) this.#shown.push(before);
    this.#letGo(KEPT);
  }

  #rest(): void {
    this.#lastSpoken = undefined;
    this.#letGo(0);
  }

  /** All but the last `kept` of what was shown before the present picture. */
  #letGo(kept: number): void {
    for (const past of this.#shown.splice(0, Math.max(0, this.#shown.length - kept))) {
      if (past.free && past !== this.#lastSpoken) void this.#work.then(() => past.free?.());
    }
  }

  /** Stored packets go on while nobody needs a keyframe in between, and take over from live ones at a whole second. */
  #storedTakes(frame: number): boolean {
    if (this.#seam.fading(frame) || !this.#idle.packet(frame)) return false;
    if (frame % FPS === 0) return true;
    return this.mode === 'stored' && !this.#keyframeDue(frame);
  }

  #keyframeDue(frame: number): boolean {
    return this.#keyframeWanted && frame - this.#lastKeyframe >= KEYFRAME_GAP;
  }

  #releaseStored(frame: number): void {
    const packet = this.#idle.packet(frame);
    if (!packet) return;
    if (packet.keyframe) this.#keyframe(frame);
    const leavesLive = this.mode === 'live';
    this.mode = 'stored';
    this.#enqueue(async () => {
      this.#emit(frame, packet);
      if (leavesLive) await this.#closeEncoder();
    });
  }

  #releaseLive(frame: number, spoken: VideoFrame | undefined): void {
    const keyframe =
      this.mode === 'stored' || this.#keyframeDue(frame) || (this.gridded && secondOf(frame) > secondOf(this.#lastKeyframe));
    if (keyframe) this.#keyframe(frame);
    this.mode = 'live';
    if (!spoken) this.#idle.prepare(frame);
    this.#enqueue(async () => {
      const picture = this.#stamp(frame, await this.#seam.compose(frame, spoken));
      const encoder = await this.#open();
      this.#emit(frame, await encoder.encode(picture, frame * TICKS_PER_FRAME, keyframe));
    });
  }

  #keyframe(frame: number): void {
    this.#lastKeyframe = frame;
    this.#keyframeWanted = false;
  }

  #stamp(frame: number, picture: VideoFrame): VideoFrame {
    if (!this.#options.stamped) return picture;
    const { width, height, data } = picture;
    this.#stamped ??= new Uint8Array(data.length);
    this.#stamped.set(data);
    const copy = { width, height, data: this.#stamped };
    stampFrameNumber(copy, frame);
    return copy;
  }

  #emit(frame: number, { data, keyframe }: { data: Uint8Array; keyframe: boolean }): void {
    if (!this.#closed) this.#options.emit({ kind: 'video', data, keyframe, ticks: frame * TICKS_PER_FRAME });
  }

  #open(): Promise<VideoEncoder> {
    this.#encoder ??= VideoEncoder.open(this.#options.idle.size);
    return this.#encoder;
  }

  /** The encoder is let go while stored packets are on air, unless a switch back is already prepared. */
  async #closeEncoder(): Promise<void> {
    if (this.mode === 'live') return;
    const encoder = this.#encoder;
    this.#encoder = undefined;
    this.#seam.release();
    await (await encoder)?.close();
  }

  /** Work runs one after the other. A picture that fails is lost, and the next one starts anew with a keyframe. */
  #enqueue(job: () => Promise<void>): void {
    this.#pending += 1;
    this.#work = this.#work
      .then(() => (this.#closed ? undefined : job()))
      .catch((error: unknown) => {
        this.#keyframeWanted = true;
        this.#options.log.error({ err: error }, 'a picture was lost');
      })
      .finally(() => (this.#pending -= 1));
  }
}

/** The stage's second a frame is in; the first picture shown in each starts a segment, also when its very first was left out. */
const secondOf = (frame: number): number => Math.floor(frame / FPS);
