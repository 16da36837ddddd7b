import { TICKS_PER_FRAME, TICKS_PER_MS } from './media.ts';
import { CAUTION, Pace } from './pace.ts';

/** A window that takes longer than expected is expected to take this much longer than it has taken. */
const OVERRUN = 1.1;

interface Span {
  readonly start: number;
  readonly end: number;
}

/** The window being drawn: since when (ms), and when its pictures came. */
interface Rendering extends Span {
  readonly since: number;
  readonly came: { readonly share: number; readonly at: number }[];
}

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
  /** The renderer waits until more was taken: as much is drawn as may be held. */
  held = false;
  /** Why pictures are missing or late, in words, where the walk knows; undefined while nothing is wrong. */
  trouble?: string | undefined;
  /** How quickly pictures are drawn. */
  readonly pace: Pace;
  /** What the renderer gets at once, in order; the ones that are drawn are taken out. */
  readonly #windows: Span[] = [];
  #rendering: Rendering | undefined;

  constructor(expectedRtf: number, pace = new Pace(expectedRtf)) {
    this.pace = pace;
  }

  /** Time to draw one second of pictures, in seconds, cautiously; the renderer's own figure until windows were measured. */
  get rtf(): number {
    return this.pace.rtf;
  }

  /** A window's voice is there. */
  hear(ticks: number, endOfClause: boolean): void {
    if (ticks > 0) this.#windows.push({ start: this.known, end: this.known + ticks });
    this.known += ticks;
    if (endOfClause && this.clauseEnds.at(-1) !== this.known) this.clauseEnds.push(this.known);
  }

  /** The renderer sets to work on the window that starts at `start`. */
  begin(start: number, now: number): void {
    const window = this.#windows.find((one) => one.start === start);
    if (window) this.#rendering = { ...window, since: now, came: [] };
  }

  /** Counts drawn frames. */
  draw(frames: number, now = 0): void {
    this.drawn += frames * TICKS_PER_FRAME;
    const window = this.#rendering;
    if (window && this.drawn > window.start && this.drawn <= window.end)
      window.came.push({ share: (this.drawn - window.start) / (window.end - window.start), at: now });
    while (this.#windows[0] && this.#windows[0].end <= this.drawn) this.#windows.shift();
  }

  /** The window is done; what the renderer has left out of it will never come. */
  done(now: number): void {
    const rendering = this.#rendering;
    this.#rendering = undefined;
    if (!rendering) return;
    const { start, end, since } = rendering;
    this.measure((end - start) / TICKS_PER_FRAME, now - since, lagOf(rendering, now - since));
    if (this.drawn < end) this.draw((end - this.drawn) / TICKS_PER_FRAME);
  }

  /** A window of so many frames took the renderer `tookMs`. */
  measure(frames: number, tookMs: number, lag?: number): void {
    this.pace.measure(frames, tookMs, lag);
  }

  /** End of the clause that holds `ticks`, or undefined while its voice is still being made. */
  clauseEndAfter(ticks: number): number | undefined {
    return this.clauseEnds.find((end) => end > ticks);
  }

  /** Seconds per second of pictures, as the last window was drawn, or the present one already shows. */
  latestRtf(now: number): number {
    const { start, end, since } = this.#rendering ?? { start: 0, end: 1, since: now };
    return Math.max(this.pace.latest, (now - since) / ((end - start) / TICKS_PER_MS));
  }

  /**
   * The earliest instant, ms, at which speech from `from` to `to` may start so that each of its pictures is drawn when it is due, if the
   * renderer keeps its pace: no picture k of them is expected later than k × 40 ms after it. In the past when all are drawn.
   */
  safeStart(from: number, to: number, now: number): number {
    let safe = Number.NEGATIVE_INFINITY;
    let free = now;
    let variance = 0;
    for (const window of this.#windows) {
      if (window.start >= to) break;
      if (window.end <= this.drawn) continue;
      const { since, done, lag } = this.#expected(window, free, now);
      // What has passed of a window is no longer uncertain.
      variance += (Math.max(0, done - Math.max(since, now)) * this.pace.spread) ** 2;
      free = done;
      if (window.end <= from) continue;
      for (const at of [Math.max(window.start, this.drawn), window.end - TICKS_PER_FRAME]) {
        const share = Math.min(1, (at + TICKS_PER_FRAME - window.start) / (window.end - window.start) + lag);
        const ready = since + (done - since) * share + CAUTION * Math.sqrt(variance);
        safe = Math.max(safe, ready - (at - from) / TICKS_PER_MS);
      }
    }
    return safe;
  }

  /** When a window is likely to be begun and done, and how its pictures come. */
  #expected({ start, end }: Span, free: number, now: number): { since: number; done: number; lag: number } {
    const takes = this.pace.expect((end - start) / TICKS_PER_FRAME);
    const rendering = this.#rendering;
    if (rendering?.start !== start) return { since: free, done: free + takes, lag: this.pace.lag };
    const { since, came } = rendering;
    const taken = now - since;
    const done = since + (taken > takes ? OVERRUN * taken : takes);
    return { since, done, lag: came.length > 0 ? lagOf(rendering, done - since) : this.pace.lag };
  }
}

/** How much later than evenly a window's pictures came, as a share of the time it takes. */
function lagOf({ start, end, since, came }: Rendering, takes: number): number {
  const frame = TICKS_PER_FRAME / (end - start);
  if (takes <= 0) return 1;
  return Math.max(
    0,
    Math.min(1, Math.max(...came.map(({ share, at }) => (at - since) / takes - share), came.length > 0 ? 0 : 1 - frame)),
  );
}
