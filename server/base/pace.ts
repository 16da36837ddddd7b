import { MS_PER_FRAME } from './media.ts';

/** Whole windows, and shorter ones, that tell how quick a renderer is; what was before them doesn't count. */
const REMEMBERED = { whole: 10, short: 4 };
/** From so many windows on, the quickest of them doesn't count. */
const ENOUGH = 5;
/** A window that took more than so many times what is usual counts as that. */
const OUTLIER = 2.5;
/** Windows after which the renderer's own figure doesn't count any more. */
const OWN_FIGURE_FOR = 3;
/** How far above the mean a time is taken to be, in standard deviations (docs/adr). */
export const CAUTION = 2;

interface Timing {
  readonly frames: number;
  readonly ms: number;
}

/**
 * How quickly a renderer draws, learned from its last windows. A window may cost something for itself and something per frame; that is told
 * apart once windows of different lengths were seen. Kept as long as the renderer, so that an utterance begins with what those before it showed.
 */
export class Pace {
  /**
   * How much later a window's pictures come than they would if they came evenly while it is drawn, as a share of its time:
   * 0 = evenly, 1 = all at its end.
   */
  lag = 1;
  /** Frames of a whole window. */
  readonly windowFrames: number;
  readonly #own: Timing;
  readonly #seen: Timing[] = [];
  readonly #lags: number[] = [];
  #cost = { fixed: 0, each: 0 };
  /** Windows take so many times as long as their cost says, give or take. */
  #factor = 1;
  #spread = 0;

  /** What the renderer itself says, in seconds for a second of pictures, counts until windows were seen. */
  constructor(expectedRtf: number, windowFrames = 39) {
    this.windowFrames = windowFrames;
    this.#own = { frames: windowFrames, ms: expectedRtf * windowFrames * MS_PER_FRAME };
    this.#learn();
  }

  /** Standard deviation of a window's time, as a share of it. */
  get spread(): number {
    return this.#spread;
  }

  /** Seconds to draw one second of pictures in whole windows, cautiously. */
  get rtf(): number {
    const frames = this.windowFrames;
    return (this.expect(frames) * (1 + CAUTION * this.#spread)) / (frames * MS_PER_FRAME);
  }

  /** The last window's seconds per second of pictures. */
  get latest(): number {
    const { ms, frames } = this.#seen.at(-1) ?? this.#own;
    return ms / (frames * MS_PER_FRAME);
  }

  /** ms that a window of so many frames takes on average. */
  expect(frames: number): number {
    return this.#factor * costOf(this.#cost, frames);
  }

  /** A window of so many frames took the renderer `ms`. */
  measure(frames: number, ms: number, lag = 1): void {
    this.#seen.push({ frames, ms });
    const isWhole = (timing: Timing): boolean => timing.frames >= this.windowFrames;
    const alike = this.#seen.filter((timing) => isWhole(timing) === frames >= this.windowFrames);
    const oldest = alike[0];
    if (oldest && alike.length > (isWhole(oldest) ? REMEMBERED.whole : REMEMBERED.short))
      this.#seen.splice(this.#seen.indexOf(oldest), 1);
    this.#lags.push(lag);
    if (this.#lags.length > OWN_FIGURE_FOR) this.#lags.shift();
    this.lag = Math.max(...this.#lags);
    this.#learn();
  }

  get #timings(): readonly Timing[] {
    return this.#seen.length >= OWN_FIGURE_FOR ? this.#seen : [this.#own, ...this.#seen];
  }

  #learn(): void {
    const timings = this.#timings;
    this.#cost = costPerWindow(timings);
    const factors = timings.map(({ frames, ms }) => ms / Math.max(costOf(this.#cost, frames), Number.EPSILON));
    const capped = factors.map((factor) => Math.min(factor, OUTLIER * median(factors))).toSorted((a, b) => a - b);
    const counted = capped.length >= ENOUGH ? capped.slice(1) : capped;
    const mean = counted.reduce((sum, factor) => sum + factor, 0) / counted.length;
    const squares = counted.reduce((sum, factor) => sum + (factor - mean) ** 2, 0);
    this.#spread = Math.sqrt(squares / Math.max(1, counted.length - 1)) / Math.max(mean, Number.EPSILON);
    // One slow window says little; two in a row are believed at once.
    this.#factor = Math.max(mean, this.#seen.length > 0 ? Math.min(...factors.slice(-Math.min(2, this.#seen.length))) : 0);
  }
}

const costOf = ({ fixed, each }: { fixed: number; each: number }, frames: number): number => fixed + each * frames;

/** What a window costs for itself and per frame, ms, by the median of what each two windows of different lengths say (Theil–Sen). */
function costPerWindow(timings: readonly Timing[]): { fixed: number; each: number } {
  const proportional = { fixed: 0, each: median(timings.map(({ frames, ms }) => ms / frames)) };
  const apart = Math.max(...timings.map(({ frames }) => frames)) / 4;
  const slopes = timings.flatMap((one, at) =>
    timings
      .slice(at + 1)
      .filter((other) => Math.abs(one.frames - other.frames) >= apart)
      .map((other) => (one.ms - other.ms) / (one.frames - other.frames)),
  );
  if (slopes.length === 0) return proportional;
  const each = Math.max(0, median(slopes));
  const fixed = median(timings.map(({ frames, ms }) => ms - each * frames));
  return fixed > 0 ? { fixed, each } : proportional;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2;
}
