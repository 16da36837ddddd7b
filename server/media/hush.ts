import { TICKS_PER_MS, TICKS_PER_OPUS_FRAME } from '#base/media.ts';

/** A voice that was faded out is faded in again from a quiet spot at most so long before, ms: more would sound like a stutter. */
const BACK = 300;
export const BACK_TICKS = BACK * TICKS_PER_MS;
/** What counts as one spot, ticks; it is looked for in steps of a quarter. */
const SPOT = TICKS_PER_OPUS_FRAME;
/** A spot is quiet below this part of the loudest one's level, or below this level; what lies between words is, and the middle of a word isn't. */
const QUIET = { part: 0.1, level: 60 } as const;

/** 20 ms of `sound` going to nothing along half a cosine, which has no click. */
export function fadedOut(sound: Int16Array): Int16Array {
  return sound.map((sample, at) => Math.round(sample * falling(at / sound.length)));
}

/** `sound` as it comes back: nothing before its sample `from`, which may lie before it, and rising over 20 ms from there on. */
export function fadedIn(sound: Int16Array, from: number): Int16Array {
  return sound.map((sample, at) => {
    const risen = Math.max(0, Math.min(1, (at - from) / TICKS_PER_OPUS_FRAME));
    return Math.round(sample * (1 - falling(risen)));
  });
}

const falling = (part: number): number => 0.5 * (1 + Math.cos(Math.PI * part));

/**
 * How many ticks before the end of `heard`, what was heard last, a voice that was faded out there goes on. Nobody wants half a word: it goes on
 * in the quietest spot of the last 300 ms, so that the word that was cut is heard whole. Where there is no quiet one, or the voice
 * was faded out in a pause, it goes on exactly where it was.
 */
export function ticksBack(heard: Int16Array): number {
  const recent = heard.subarray(Math.max(0, heard.length - BACK_TICKS));
  const spots: { readonly at: number; readonly level: number }[] = [];
  for (let end = recent.length; end >= SPOT; end -= SPOT / 4) spots.push({ at: end - SPOT, level: levelOf(recent, end - SPOT) });
  const loudest = spots.reduce((most, { level }) => Math.max(most, level), 0);
  const isQuiet = (level: number): boolean => level <= Math.max(QUIET.level, QUIET.part * loudest);
  const [last] = spots;
  if (!last || isQuiet(last.level)) return 0;
  // Of spots that are as quiet, the latest: it is said again as little as can be.
  const quietest = spots.reduce((least, spot) => (spot.level < least.level ? spot : least));
  return isQuiet(quietest.level) ? recent.length - quietest.at : 0;
}

/** Root mean square of one spot. */
function levelOf(sound: Int16Array, at: number): number {
  let sum = 0;
  for (let i = at; i < at + SPOT; i += 1) sum += (sound[i] ?? 0) ** 2;
  return Math.sqrt(sum / SPOT);
}
