import { eased } from '#base/expression.ts';
import { RENDERER_SAMPLES_PER_FRAME, type Window } from '#base/media.ts';
import { loudness, SILENCE_DB } from './hearing.ts';

/** A syllable is stressed that is so much louder than the voice lately was, dB. */
const LOUDER = 4.5;
/** What each frame counts in how loud the voice lately was: the last third of a second. */
const SHARE = 0.12;
/** Frames in which brows and head go up, and down again; another beat comes only so long after the last. */
const UP = 5;
const DOWN = 11;
const APART = 26;

/** Beats of brows and head to a voice's stresses: whole gestures, now and then, as people make them. Frame by frame, in order. */
export class Stress {
  #usual: number | undefined;
  #since = Number.POSITIVE_INFINITY;

  /** How much of a beat is to be seen, 0…1, at a window's fresh frame `at`. */
  hear({ samples, overlapFrames }: Window, at: number): number {
    const db = loudness(samples, (overlapFrames + at + 1) * RENDERER_SAMPLES_PER_FRAME);
    return this.step(db > SILENCE_DB ? db : undefined);
  }

  /** The same at a frame of this loudness; undefined where nothing is heard. */
  step(db: number | undefined): number {
    this.#since += 1;
    const isStressed = db !== undefined && this.#usual !== undefined && db > this.#usual + LOUDER;
    if (isStressed && this.#since > APART) this.#since = 0;
    if (db !== undefined) this.#usual = this.#usual === undefined ? db : this.#usual + SHARE * (db - this.#usual);
    return this.#since < UP ? eased((this.#since + 1) / UP) : 1 - eased((this.#since + 1 - UP) / DOWN);
  }
}
