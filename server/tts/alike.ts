/** A rendition may be so much slower or faster than another. */
const STRETCH = 1.25;
/** Loudness is compared in blocks of so many ms. */
const BLOCK = 5;
/** What a place at the edge of the search loses against one right at `near`. */
const FAR = 0.1;

interface Search {
  /** Where it would be if the voice spoke just as fast, in samples. */
  readonly near: number;
  readonly perMs: number;
  /** `sound` is all there will be. */
  readonly ended: boolean;
}

/**
 * The place in `sound`, in samples, before which its loudness rises and falls most like that of `heard`; undefined while too little is there.
 * The same words in the same voice, made again, differ in every sample, but little in that.
 */
export function mostAlike(heard: Int16Array, sound: Int16Array, { near, perMs, ended }: Search): number | undefined {
  const block = Math.round(BLOCK * perMs);
  const farthest = Math.ceil(near * STRETCH);
  if (sound.length < farthest && !ended) return undefined;
  const pattern = loudness(heard, heard.length % block, block);
  const phase = near % block;
  const blocks = loudness(sound.subarray(0, farthest), phase, block);
  let best = { at: Math.min(near, sound.length), score: Number.NEGATIVE_INFINITY };
  for (let end = 1; end <= blocks.length; end += 1) {
    const at = phase + end * block;
    const pace = at / near;
    if (pace < 1 / STRETCH) continue;
    const before = pattern.map((_, n) => blocks[Math.round(end - (pattern.length - n) * pace)] ?? 0);
    const score = likeness(pattern, before) - FAR * (Math.abs(pace - 1) / (STRETCH - 1));
    if (score > best.score) best = { at, score };
  }
  return best.at;
}

/** The root mean square of each whole block from `from` on. */
function loudness(samples: Int16Array, from: number, block: number): Float32Array {
  const levels = new Float32Array(Math.max(0, Math.floor((samples.length - from) / block)));
  for (let n = 0; n < levels.length; n += 1) {
    let sum = 0;
    for (const sample of samples.subarray(from + n * block, from + (n + 1) * block)) sum += sample * sample;
    levels[n] = Math.sqrt(sum / block);
  }
  return levels;
}

/** Their correlation, −1 to 1; 0 where one of them doesn't change. */
function likeness(a: Float32Array, b: Float32Array): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  let [both, squaresA, squaresB] = [0, 0, 0];
  for (let n = 0; n < a.length; n += 1) {
    const [x, y] = [(a[n] ?? 0) - meanA, (b[n] ?? 0) - meanB];
    both += x * y;
    squaresA += x * x;
    squaresB += y * y;
  }
  return squaresA === 0 || squaresB === 0 ? 0 : both / Math.sqrt(squaresA * squaresB);
}

const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
