import { changes, difference, THUMBNAIL_PIXELS } from './thumbnails.ts';

/** A place that now and then moves so many times as much as it usually does moves on purpose: lids do, lips do. */
const ON_PURPOSE = 4;
/** In luma levels; less is noise. */
const LEAST = 4;

/** How a loop moves by itself, so that what a switch adds can be told from it, place by place. */
export class OwnMotion {
  /** Mean difference between neighbours, in luma levels. */
  readonly usual: number;
  readonly #usually: Float64Array;
  readonly #most: Uint8Array;

  private constructor(usual: number, usually: Float64Array, most: Uint8Array) {
    this.usual = usual;
    this.#usually = usually;
    this.#most = most;
  }

  /** Of thumbnails that go round and round. */
  static of(thumbnails: readonly Uint8Array[]): OwnMotion {
    const usually = new Float64Array(THUMBNAIL_PIXELS);
    const most = new Uint8Array(THUMBNAIL_PIXELS);
    let sum = 0;
    for (const [at, now] of thumbnails.entries()) {
      const before = thumbnails.at(at - 1) ?? now;
      sum += difference(before, now);
      for (const [place, change] of changes(before, now).entries()) {
        usually[place] = (usually[place] ?? 0) + change ** 2 / thumbnails.length;
        most[place] = Math.max(most[place] ?? 0, change);
      }
    }
    return new OwnMotion(sum / thumbnails.length, usually.map(Math.sqrt), most);
  }

  /** Where nobody knows what moves: all that a switch adds counts, as a part of `usual`. */
  static unknown(usual: number): OwnMotion {
    return new OwnMotion(usual, new Float64Array(THUMBNAIL_PIXELS), new Uint8Array(THUMBNAIL_PIXELS));
  }

  /**
   * A step between two shown pictures as a multiple of the usual one, without what moves by itself in the same place: the loop at the same instant;
   * and what moves on purpose, at some time in the loop, lately in the speech. A head that jumps is no blink, however large the blink.
   */
  excess(shown: Uint8Array, idle: Uint8Array, speech: Float64Array): number {
    let sum = 0;
    for (const [place, change] of shown.entries()) {
      const most = Math.max(this.#most[place] ?? 0, speech[place] ?? 0);
      const purposeful = most > LEAST && most > ON_PURPOSE * (this.#usually[place] ?? 0);
      const own = Math.max(idle[place] ?? 0, purposeful ? most : 0);
      sum += Math.max(0, change - own) ** 2;
    }
    return Math.sqrt(sum / shown.length) / Math.max(this.usual, Number.EPSILON);
  }
}
