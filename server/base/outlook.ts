import { TICKS_PER_FRAME, TICKS_PER_MS } from './media.ts';

/**
 * What playout may know of speech that is still being made. The walk writes it, playout reads it.
 * All positions are ticks from the start of the utterance.
 */
export class Outlook {
  /** Voice synthesised so far. */
  known = 0;
  /** Pictures drawn so far, without a gap. */
  drawn = 0;
  /** Ends of the clauses whose voice is complete, ascending. */
  readonly clauseEnds: number[] = [];
  /** No more voice will come. */
  ended = false;
  /** Why pictures are missing or late, in words, where the walk knows; undefined while nothing is wrong. */
  trouble?: string | undefined;
  /** Measured time to draw one second of pictures, in seconds; the renderer's own figure until the first window is done. */
  rtf: number;

  constructor(expectedRtf: number) {
    this.rtf = expectedRtf;
  }

  hear(ticks: number, endOfClause: boolean): void {
    this.known += ticks;
    if (endOfClause && this.clauseEnds.at(-1) !== this.known) this.clauseEnds.push(this.known);
  }

  /** Counts drawn frames. */
  draw(frames: number): void {
    this.drawn += frames * TICKS_PER_FRAME;
  }

  /** A window of so many frames took the renderer `tookMs`. */
  measure(frames: number, tookMs: number): void {
    const rtf = tookMs / ((frames * TICKS_PER_FRAME) / TICKS_PER_MS);
    this.rtf = 0.7 * this.rtf + 0.3 * rtf;
  }

  /** End of the clause that holds `ticks`, or undefined while its voice is still being made. */
  clauseEndAfter(ticks: number): number | undefined {
    return this.clauseEnds.find((end) => end > ticks);
  }
}
