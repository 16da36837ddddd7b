import type { VideoFrame } from '#base/media.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { IdleFace } from './idle-face.ts';
import { mix } from './mix.ts';
import { changes, thumbnail, THUMBNAIL_PIXELS } from './thumbnails.ts';

/** Length of a cross-fade, frames; the test card is cut, because half a flash would be none. */
export const FADE = 5;
/** So long after a fade, frames, it is known where the speech moves on purpose; what it does once, while it fades in, is a jump. */
const KNOWN_AFTER = 12;
/** What remains each frame of the largest step that a place has made: a quarter after half a second. */
const FORGETS = 0.9;

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
  /** The picture shown before, and its stage frame; undefined where it was a stored one. */
  #before: { readonly frame: number; readonly picture: Uint8Array } | undefined;
  /** The spoken picture before, as it was drawn. */
  #drawn: Uint8Array | undefined;
  /** Where the speech moves by itself, and how much, lately. */
  readonly #speech = new Float64Array(THUMBNAIL_PIXELS);
  /** Steps between shown pictures across the switch that is measured, with the loop's over the same frames; undefined while none is. */
  #steps: { readonly shown: Uint8Array; readonly idle: Uint8Array; readonly frames: number }[] | undefined;

  /** @param length of a cross-fade, frames; 0 cuts */
  constructor(idle: IdleFace, metrics: Metrics, length: number) {
    this.#idle = idle;
    this.#metrics = metrics;
    this.#length = length;
  }

  /** From stage frame `frame` on, `to` is on air; `last` is the picture idle takes over from. */
  turn(frame: number, to: 'speech' | 'idle', last: VideoFrame | undefined): void {
    this.#judge();
    if (to === 'idle' && last) this.#idle.align(frame, last);
    // What is spoken is drawn from rest, and ends there; the face it fades in from stays as it is.
    if (to === 'idle') this.#idle.rest(frame, frame + this.#length);
    else this.#idle.rest(frame + this.#length, Number.POSITIVE_INFINITY);
    this.#idle.prepare(frame);
    if (to === 'speech') this.#speech.fill(0);
    this.#steps = [];
    this.#to = to;
    this.#start = frame;
    this.#last = last;
    this.#drawn = undefined;
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
      return this.#measure(frame, this.#mix(await this.#idle.picture(frame), spoken, weight), spoken);
    }
    const idle = await this.#idle.picture(frame);
    const from = fading && this.#to === 'idle' ? this.#last : undefined;
    return this.#measure(frame, from ? this.#mix(from, idle, weight) : idle, undefined);
  }

  /** Called when stored packets take over: nothing of the seam is needed any more. */
  release(): void {
    this.#judge();
    this.#last = undefined;
    this.#before = undefined;
    this.#mixed = undefined;
    this.#idle.release();
  }

  /** Keeps the steps between shown pictures until the switch is over; at least one, when pictures were dropped. */
  #measure(frame: number, shown: VideoFrame, spoken: VideoFrame | undefined): VideoFrame {
    const now = thumbnail(shown);
    const idleAt = (frame: number): Uint8Array => this.#idle.thumbnail(frame);
    const since = frame - this.#start;
    const measured = since >= 0 && (since <= this.#length || this.#steps?.length === 0);
    const before = this.#before?.frame ?? (measured ? this.#start : frame) - 1;
    if (measured) {
      const [idle, frames] = [changes(idleAt(before), idleAt(frame)), Math.max(1, frame - before)];
      this.#steps?.push({ shown: changes(this.#before?.picture ?? idleAt(before), now), idle, frames });
    }
    this.#before = { frame, picture: now };
    if (spoken) this.#follow(spoken === shown ? now : thumbnail(spoken), since > this.#length);
    if (since >= this.#length + (this.#to === 'speech' ? KNOWN_AFTER : 0)) this.#judge();
    return shown;
  }

  /** Where the speech moves once it is on air by itself. */
  #follow(drawn: Uint8Array, counts: boolean): void {
    const before = this.#drawn ?? drawn;
    this.#drawn = drawn;
    if (!counts) return;
    for (const [place, step] of changes(before, drawn).entries())
      this.#speech[place] = Math.max(step, FORGETS * (this.#speech[place] ?? 0));
  }

  #mix(from: VideoFrame, to: VideoFrame, weight: number): VideoFrame {
    const { width, height } = to;
    this.#mixed ??= new Uint8Array(to.data.length);
    mix(from.data, to.data, weight, this.#mixed);
    return { width, height, data: this.#mixed };
  }

  /** The worst step of a switch is its seam error; one over frames that were left out is long, and as slow as any. A switch that nobody saw has none. */
  #judge(): void {
    const steps = this.#steps;
    if (!steps || steps.length === 0) return;
    this.#steps = undefined;
    const { motion } = this.#idle.source;
    const worst = Math.max(...steps.map(({ shown, idle, frames }) => motion.excess(shown, idle, this.#speech) / frames));
    this.#metrics.seamError.observe({ seam: this.#to === 'speech' ? 'idle_to_speech' : 'speech_to_idle' }, worst);
  }
}
