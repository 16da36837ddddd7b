import { TICKS_PER_FRAME, TICKS_PER_MS, type Word } from './media.ts';
import { CAUTION, Pace } from './pace.ts';

/** A window that takes longer than cautiously expected is expected to take this much longer than it has taken. */
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

/** Until when (ms) speech waits for somebody to draw it, as far as known, and why, in words. */
export interface Wait {
  readonly until: number | undefined;
  readonly why: string;
}

/** What is known of a clause's words: those so far, in order. The ones told may still move a little until the clause's voice is complete. */
export interface ClauseWords {
  readonly words: readonly Word[];
  /** Ticks of its voice; undefined while it is still being made. */
  readonly length: number | undefined;
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
  /** Nobody can draw before; undefined when somebody does, or when that isn't known. */
  wait: Wait | undefined;
  /** How quickly pictures are drawn, by whoever draws now. */
  pace: Pace;
  /** What the renderer gets at once, in order; the ones that are drawn are taken out. */
  readonly #windows: Span[] = [];
  #rendering: Rendering | undefined;
  readonly #words = new Map<number, ClauseWords>();
  readonly #readers = new Set<(clause: number) => void>();

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

  /** More is known of a clause's words. */
  spell(clause: number, known: ClauseWords): void {
    this.#words.set(clause, known);
    for (const reader of [...this.#readers]) reader(clause);
  }

  /** @param clause its index within the utterance */
  wordsOf(clause: number): ClauseWords | undefined {
    return this.#words.get(clause);
  }

  /** Calls `reader` whenever more is known of a clause's words. Returns the way out. */
  onWords(reader: (clause: number) => void): () => void {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  /** The renderer sets to work on the window that starts at `start`, for the first time or anew. */
  begin(start: number, now: number): void {
    const window = this.#windows.find((one) => one.start === start);
    if (window) this.#rendering = { ...window, since: now, came: [] };
  }

  /** Counts drawn frames. */
  draw(frames: number, now = 0): void {
    const window = this.#rendering;
    // Of several frames the first counts: the ones before the last were left out, and not known to be until now.
    if (window && this.drawn >= window.start && this.drawn < window.end)
      window.came.push({ share: (this.drawn + TICKS_PER_FRAME - window.start) / (window.end - window.start), at: now });
    this.drawn += frames * TICKS_PER_FRAME;
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

  /** The window being drawn will not be: what comes of it says nothing about the pace. */
  leaveOut(): void {
    const left = this.#rendering;
    this.#rendering = undefined;
    if (left && this.drawn < left.end) this.draw((left.end - this.drawn) / TICKS_PER_FRAME);
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
   * renderer keeps its pace: no picture k of them is expected later than k × 40 ms after it. In the past when all are drawn,
   * infinite when it isn't known when somebody will draw.
   * `to` may lie beyond what is known: the voice up to there is taken to come in time.
   */
  safeStart(from: number, to: number, now: number): number {
    let safe = Number.NEGATIVE_INFINITY;
    if (this.wait && this.wait.until === undefined && this.drawn < to) return Number.POSITIVE_INFINITY;
    let free = Math.max(now, this.wait?.until ?? now);
    let variance = 0;
    const lag = this.#lag();
    for (const window of this.#windowsUntil(to)) {
      if (window.end <= this.drawn) continue;
      const { since, done } = this.#expected(window, free, now);
      variance += ((done - since) * this.pace.spread) ** 2;
      free = done;
      if (window.end <= from) continue;
      for (const at of [Math.max(window.start, this.drawn), window.end - TICKS_PER_FRAME]) {
        const share = Math.min(1, (at + TICKS_PER_FRAME - window.start) / (window.end - window.start) + lag);
        const ready = since + (done - since) * share + CAUTION * Math.sqrt(variance);
        safe = Math.max(safe, ready - (at - from) / TICKS_PER_MS);
      }
      // Speech may end with any window that isn't known yet, which may then be short and cost as much.
      if (window.start >= this.known) safe = Math.max(safe, since + this.pace.expect(1) - (window.start - from) / TICKS_PER_MS);
    }
    return safe;
  }

  /** How pictures come: as they do now, if a window being drawn shows it. */
  #lag(): number {
    const rendering = this.#rendering;
    if (!rendering || rendering.came.length === 0) return this.pace.lag;
    return lagOf(rendering, this.pace.expect((rendering.end - rendering.start) / TICKS_PER_FRAME));
  }

  *#windowsUntil(to: number): Generator<Span> {
    for (const window of this.#windows) {
      if (window.start >= to) return;
      yield window;
    }
    const length = this.pace.windowFrames * TICKS_PER_FRAME;
    for (let start = this.known; start < to; start += length) yield { start, end: Math.min(start + length, to) };
  }

  /** When a window is likely to be begun and done. */
  #expected({ start, end }: Span, free: number, now: number): { since: number; done: number } {
    const takes = this.pace.expect((end - start) / TICKS_PER_FRAME);
    const rendering = this.#rendering;
    if (rendering?.start !== start) return { since: free, done: free + takes };
    const taken = now - rendering.since;
    const atMost = takes * (1 + CAUTION * this.pace.spread);
    return { since: rendering.since, done: rendering.since + (taken > atMost ? OVERRUN * taken : takes) };
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
