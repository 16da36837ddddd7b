import { FIGURES } from './spectrum.ts';

/** What is listened for, one after the other. */
export interface Stop {
  /** Which sound of the ear it is. */
  readonly sound: number;
  /** It may be passed over, at a cost (natural logarithm of its likelihood). */
  readonly optional: boolean;
  readonly skip: number;
}

/** What one sound is like: the middle of each figure, and how much it varies (one over the variance), with what makes both comparable. */
export interface Likeness {
  readonly middle: Float64Array;
  readonly precision: Float64Array;
  readonly offset: number;
}

const STAY = Math.log(0.7);
const GO = Math.log(0.3);

/**
 * The most likely way of a voice through `stops` (Viterbi): for each look the stop it belongs to. It begins with the first stops that may be
 * first, and ends at the end if `ended`, else anywhere. Undefined when there are fewer looks than stops.
 */
export function pathThrough(
  stops: readonly Stop[],
  figures: Float64Array,
  likenesses: readonly Likeness[],
  ended: boolean,
): Int32Array | undefined {
  const looks = figures.length / FIGURES;
  const count = stops.length;
  const came = new Uint16Array(looks * count);
  let best = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
  let next = new Float64Array(count);
  const scores = new Float64Array(likenesses.length);
  for (let look = 0; look < looks; look += 1) {
    scoreAll(scores, figures, look, likenesses);
    for (let at = 0; at < count; at += 1) {
      const stop = stops[at] as Stop;
      let from = at;
      let score = (best[at] ?? 0) + STAY;
      if (look === 0 && at === 0) score = 0;
      // Whatever may be passed over lies between here and where one comes from.
      let passed = GO;
      for (let before = at - 1; before >= 0; before -= 1) {
        const way = look === 0 ? (before === 0 ? passed : Number.NEGATIVE_INFINITY) : (best[before] ?? 0) + passed;
        if (way > score) {
          score = way;
          from = look === 0 ? at : before;
        }
        const between = stops[before] as Stop;
        if (!between.optional) break;
        passed += between.skip;
      }
      came[look * count + at] = from;
      next[at] = score + (scores[stop.sound] ?? 0);
    }
    [best, next] = [next, best];
  }
  return traced(came, best, stops, looks, ended);
}

function traced(
  came: Uint16Array,
  best: Float64Array,
  stops: readonly Stop[],
  looks: number,
  ended: boolean,
): Int32Array | undefined {
  const count = stops.length;
  const way = new Int32Array(looks);
  let at = count - 1;
  if (ended) {
    // What may be passed over may be missing at the end, too.
    let passed = 0;
    for (let last = count - 1, top = Number.NEGATIVE_INFINITY; last >= 0; last -= 1) {
      if ((best[last] ?? 0) + passed > top) [top, at] = [(best[last] ?? 0) + passed, last];
      const stop = stops[last] as Stop;
      if (!stop.optional) break;
      passed += stop.skip;
    }
  } else for (let other = 0; other < count; other += 1) if ((best[other] ?? 0) > (best[at] ?? 0)) at = other;
  if (best[at] === Number.NEGATIVE_INFINITY) return undefined;
  for (let look = looks - 1; look >= 0; look -= 1) {
    way[look] = at;
    at = came[look * count + at] ?? 0;
  }
  return way;
}

function scoreAll(scores: Float64Array, figures: Float64Array, look: number, likenesses: readonly Likeness[]): void {
  for (let one = 0; one < likenesses.length; one += 1) scores[one] = scoreOf(likenesses[one] as Likeness, figures, look);
}

/** How well a look fits: the natural logarithm of its likelihood, but for a constant. */
function scoreOf({ middle, precision, offset }: Likeness, figures: Float64Array, look: number): number {
  const from = look * FIGURES;
  let far = offset;
  for (let figure = 0; figure < FIGURES; figure += 1) {
    const off = (figures[from + figure] ?? 0) - (middle[figure] ?? 0);
    far += off * off * (precision[figure] ?? 0);
  }
  return -0.5 * far;
}
