import type { VideoFrame } from '#base/media.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { IdleFace } from './idle-face.ts';
import { mix } from './mix.ts';
import { difference, thumbnail } from './thumbnails.ts';

/** Length of a cross-fade, frames; the test card is cut, because half a flash would be none. */
export const FADE = 5;
/** So far from a switch, frames, whatever the loop does belongs to the same moment for who looks on. */
const AROUND = 12;

/** Joins idle and speech: decides what each live picture looks like around a switch, and measures how visible the switch was. */
export class Seam {
  readonly #idle: IdleFace;
  readonly #metrics: Metrics;
  readonly #length: number;
  #to: 'speech' | 'idle' = 'idle';
  #start = Number.NEGATIVE_INFINITY;
  #last: VideoFrame | undefined;
  /** Mixed pictures, one after the other: memory that is new for each would keep the garbage collector busy. */
  #mixed: Uint8Array | undefined;
  #before: Uint8Array | undefined;
  /** The spoken picture before, as it was drawn. */
  #drawn: Uint8Array | undefined;
  /** The largest step that the loop and the speech make by themselves around the switch. */
  #own = 0;
  #worst = 0;
  #measuring = false;
  #speechMotion = 0;

  /** @param length of a cross-fade, frames; 0 cuts */
  constructor(idle: IdleFace, metrics: Metrics, length: number) {
    this.#idle = idle;
    this.#metrics = metrics;
    this.#length = length;
  }

  /** From stage frame `frame` on, `to` is on air; `last` is the picture idle takes over from. */
  turn(frame: number, to: 'speech' | 'idle', last: VideoFrame | undefined): void {
    this.#own = this.#stepsAround(frame);
    if (to === 'idle' && last) this.#idle.align(frame, last);
    this.#own = Math.max(this.#own, this.#stepsAround(frame));
    this.#idle.prepare(frame);
    this.#measured();
    this.#measuring = true;
    this.#to = to;
    this.#start = frame;
    this.#last = last;
    this.#drawn = undefined;
    this.#worst = 0;
  }

  /** True while frame `frame` is part of a cross-fade, which only the live encoder can draw. */
  fading(frame: number): boolean {
    return frame >= this.#start && frame < this.#start + this.#length;
  }

  /** The picture of stage frame `frame`: spoken, idle, or in between. It holds until the next call. */
  async compose(frame: number, spoken: VideoFrame | undefined): Promise<VideoFrame> {
    const fading = this.fading(frame);
    const weight = (frame - this.#start + 1) / (this.#length + 1);
    if (spoken) {
      if (!fading || this.#to !== 'speech') return this.#measure(frame, spoken, spoken);
      const idle = await this.#idle.picture(frame);
      this.#before ??= thumbnail(idle);
      return this.#measure(frame, this.#mix(idle, spoken, weight), spoken);
    }
    const idle = await this.#idle.picture(frame);
    const from = fading && this.#to === 'idle' ? this.#last : undefined;
    return this.#measure(frame, from ? this.#mix(from, idle, weight) : idle, undefined);
  }

  /** Called when stored packets take over: nothing of the seam is needed any more. */
  release(): void {
    this.#measured();
    this.#last = undefined;
    this.#before = undefined;
    this.#mixed = undefined;
    this.#idle.release();
  }

  /**
   * Relates each step between shown pictures to what moves without a seam: usually, and around the switch, where there may be a blink.
   * The worst one of a cross-fade is its seam error.
   */
  #measure(frame: number, shown: VideoFrame, spoken: VideoFrame | undefined): VideoFrame {
    const now = thumbnail(shown);
    const step = this.#before ? difference(this.#before, now) : 0;
    this.#before = now;
    const since = frame - this.#start;
    if (since >= 0 && since <= this.#length) {
      if (spoken) this.#own = Math.max(this.#own, this.#drawnStep(spoken));
      const usual = Math.max(this.#idle.source.motion, this.#speechMotion, this.#own, Number.EPSILON);
      this.#worst = Math.max(this.#worst, step / usual);
    } else if (spoken) this.#speechMotion += 0.05 * (step - this.#speechMotion);
    if (since >= this.#length) this.#measured();
    return shown;
  }

  /** The largest step of the loop within half a second of a frame. */
  #stepsAround(frame: number): number {
    const { source } = this.#idle;
    const steps = Array.from({ length: 2 * AROUND + 1 }, (_, at) => source.step(this.#idle.index(frame) - AROUND + at));
    return Math.max(...steps);
  }

  /** How far the speech itself moves from the spoken picture before. */
  #drawnStep(spoken: VideoFrame): number {
    const now = thumbnail(spoken);
    const step = this.#drawn ? difference(this.#drawn, now) : 0;
    this.#drawn = now;
    return step;
  }

  #mix(from: VideoFrame, to: VideoFrame, weight: number): VideoFrame {
    const { width, height } = to;
    this.#mixed ??= new Uint8Array(to.data.length);
    mix(from.data, to.data, weight, this.#mixed);
    return { width, height, data: this.#mixed };
  }

  /** A fade's last picture may be dropped, or be a stored packet already; its seam counts all the same. */
  #measured(): void {
    if (!this.#measuring) return;
    this.#measuring = false;
    this.#metrics.seamError.observe({ seam: this.#to === 'speech' ? 'idle_to_speech' : 'speech_to_idle' }, this.#worst);
  }
}
