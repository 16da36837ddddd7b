import type { FloorOptions } from './act.ts';

/** One frame's length, ms: 512 samples at 16 kHz. */
export const FRAME_MS = 32;

/** A stretch of the host's voice between two pauses, and what was recognised of it. */
export interface Phrase {
  readonly id: number;
  readonly begunAt: number;
  lastVoicedAt: number;
  /** Clock ms; undefined while it goes on. */
  endedAt: number | undefined;
  text: string;
  final: boolean;
  /** When its words last became others. */
  changedAt: number;
  /** A reply was being made or spoken meanwhile: small signs don't take the floor. */
  overReply: boolean;
  /** The avatar could be heard meanwhile: these may be its own words. */
  overVoice: boolean;
  /** A reply ended for it, or had just been ended. */
  cutIn: boolean;
}

type Limits = Pick<FloorOptions, 'onsetMs' | 'prerollMs' | 'pauseMs' | 'longestMs'>;

/** Cuts frames into phrases: when a voice is believed, and when it has paused. */
export class PhraseCutter {
  readonly #limits: Limits;
  /** Voiced frames in sight of an onset, less the unvoiced ones since. */
  #run = 0;
  #onsetAt = 0;
  #endedAt = Number.NEGATIVE_INFINITY;
  #isOn = false;
  #lastVoicedAt = Number.NEGATIVE_INFINITY;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** A phrase goes on, its last pauses included. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** There is some voice, but too little yet to be believed. */
  get stirs(): boolean {
    return !this.#isOn && this.#run > 0;
  }

  get lastVoicedAt(): number {
    return this.#lastVoicedAt;
  }

  /** The next frame. `begins` says from when, preroll included, and `since` when the voice set in. */
  frame(at: number, voiced: boolean): { readonly begins: number; readonly since: number } | 'ends' | undefined {
    if (voiced) this.#lastVoicedAt = at;
    if (this.#isOn) {
      const { pauseMs, longestMs } = this.#limits;
      if (at - this.#lastVoicedAt < pauseMs && at - this.#onsetAt < longestMs) return undefined;
      this.#isOn = false;
      this.#run = 0;
      this.#endedAt = at;
      return 'ends';
    }
    if (voiced && this.#run === 0) this.#onsetAt = at - FRAME_MS;
    this.#run = Math.max(0, this.#run + (voiced ? 1 : -1));
    if (this.#run * FRAME_MS < this.#limits.onsetMs) return undefined;
    this.#isOn = true;
    // What belongs to the phrase before isn't heard twice.
    return { begins: Math.max(this.#onsetAt - this.#limits.prerollMs, this.#endedAt), since: this.#onsetAt };
  }
}
