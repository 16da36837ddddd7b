import type { Caption } from '#protocol/signalling.ts';

/** RTP video ticks of one stage frame. */
const TICKS_PER_FRAME = 3_600;
/** Pictures remembered, two seconds: a caption may be slower than its picture. */
const REMEMBERED = 50;
/** A picture later than this after the first of the clause says nothing about when that was seen. */
const NEAR = 25 * TICKS_PER_FRAME;

interface Shown {
  readonly rtpTimestamp: number;
  readonly paintedMs: number;
}

export interface FirstPicture {
  readonly utteranceId: string;
  /** ms of this page's monotonic clock. */
  readonly paintedMs: number;
}

/** Notices when the first picture of an utterance is on the screen. */
export class Painted {
  #expected: Caption | undefined;
  /** A clause may be told again. */
  #told: string | undefined;
  #latest: Shown[] = [];

  /** A clause is on its way. */
  expect(caption: Caption): FirstPicture | undefined {
    if (caption.clause !== 0 || caption.utteranceId === this.#told) return undefined;
    this.#told = caption.utteranceId;
    this.#expected = caption;
    for (const shown of this.#latest) {
      const found = this.#match(shown);
      if (found) return found;
    }
    return undefined;
  }

  /** A picture is on the screen. */
  shown(rtpTimestamp: number, paintedMs: number): FirstPicture | undefined {
    this.#latest = [...this.#latest, { rtpTimestamp, paintedMs }].slice(-REMEMBERED);
    return this.#match({ rtpTimestamp, paintedMs });
  }

  #match({ rtpTimestamp, paintedMs }: Shown): FirstPicture | undefined {
    if (!this.#expected) return undefined;
    const { start, utteranceId } = this.#expected;
    // Both wrap at 32 bits; so does their difference, around zero.
    const since = (rtpTimestamp - start * TICKS_PER_FRAME) | 0;
    if (since < 0) return undefined;
    this.#expected = undefined;
    return since < NEAR ? { utteranceId, paintedMs } : undefined;
  }
}
