import FFT from 'fft.js';
import { RENDERER_RATE } from '#base/media.ts';

/** One look at the sound each 10 ms, over 25. */
export const HOP = RENDERER_RATE / 100;
const SPAN = RENDERER_RATE / 40;
const SIZE = 512;
const BANDS = 20;
const LOWEST_HZ = 100;
const HIGHEST_HZ = 7_600;
/** How the spectrum bends, from coarse to fine, in so many figures. */
const BENDS = 9;
/** Of each look: loudness and bends, and how both change. */
export const FIGURES = 2 * (BENDS + 1);
/** Change is seen over so many looks to either side. */
const REACH = 2;
/** Quieter than this no band gets, against full scale: what is below is no voice. */
const FLOOR = 1e-7;

const HAMMING = Float64Array.from({ length: SPAN }, (_, at) => 0.54 - 0.46 * Math.cos((2 * Math.PI * at) / (SPAN - 1)));
const COSINES = Array.from({ length: BENDS }, (_, bend) =>
  Float64Array.from({ length: BANDS }, (_, band) => Math.cos((Math.PI * (bend + 1) * (band + 0.5)) / BANDS) / Math.sqrt(BANDS)),
);
const WEIGHTS = bandWeights();

/** A voice as a row of looks; grows as the voice comes. Mono s16 at 16 kHz. */
export class Spectrum {
  readonly #fft = new FFT(SIZE);
  readonly #input = new Float64Array(SIZE);
  readonly #output = this.#fft.createComplexArray();
  #waiting: Int16Array = new Int16Array(SPAN / 2);
  #still: Float64Array = new Float64Array(0);
  #looks = 0;

  /** Looks so far; look n is about what is heard at n × `HOP`. */
  get length(): number {
    return this.#looks;
  }

  push(samples: Int16Array): void {
    const sound = new Int16Array(this.#waiting.length + samples.length);
    sound.set(this.#waiting);
    sound.set(samples, this.#waiting.length);
    let at = 0;
    for (; at + SPAN <= sound.length; at += HOP) this.#look(sound.subarray(at, at + SPAN));
    this.#waiting = sound.slice(at);
  }

  /** All looks, `FIGURES` each, against the average of the voice so far: how loud it is and how it sounds matters little. */
  figures(): Float64Array {
    const width = BENDS + 1;
    const still = this.#still.subarray(0, this.#looks * width);
    const base = usual(still, width);
    const all = new Float64Array(this.#looks * FIGURES);
    for (let look = 0; look < this.#looks; look += 1) {
      for (let figure = 0; figure < width; figure += 1) {
        all[look * FIGURES + figure] = (still[look * width + figure] ?? 0) - (base[figure] ?? 0);
        all[look * FIGURES + width + figure] = this.#change(look, figure);
      }
    }
    return all;
  }

  #change(look: number, figure: number): number {
    const width = BENDS + 1;
    let sum = 0;
    for (let by = 1; by <= REACH; by += 1) {
      const after = Math.min(this.#looks - 1, look + by);
      const before = Math.max(0, look - by);
      sum += by * ((this.#still[after * width + figure] ?? 0) - (this.#still[before * width + figure] ?? 0));
    }
    return sum / 10;
  }

  #look(samples: Int16Array): void {
    for (let at = 0; at < SPAN; at += 1) {
      const emphasised = (samples[at] ?? 0) - 0.95 * (samples[Math.max(0, at - 1)] ?? 0);
      this.#input[at] = (emphasised / 32_768) * (HAMMING[at] ?? 0);
    }
    this.#fft.realTransform(this.#output, this.#input);
    const bands = WEIGHTS.map(({ from, weights }) => {
      let power = FLOOR;
      weights.forEach((weight, n) => {
        const bin = 2 * (from + n);
        power += weight * ((this.#output[bin] ?? 0) ** 2 + (this.#output[bin + 1] ?? 0) ** 2);
      });
      return Math.log(power);
    });
    this.#keep([bands.reduce((sum, band) => sum + band, 0) / BANDS, ...COSINES.map((cosines) => dot(cosines, bands))]);
  }

  #keep(figures: readonly number[]): void {
    const at = this.#looks * figures.length;
    if (at + figures.length > this.#still.length) {
      const more = new Float64Array(Math.max(1_024, 2 * this.#still.length));
      more.set(this.#still);
      this.#still = more;
    }
    this.#still.set(figures, at);
    this.#looks += 1;
  }
}

/** The average of each figure over the louder half of the looks: pauses aren't the voice. */
function usual(still: Float64Array, width: number): number[] {
  const looks = still.length / width;
  const loudness = Array.from({ length: looks }, (_, look) => still[look * width] ?? 0).sort((a, b) => a - b);
  const middle = loudness[Math.floor(looks / 2)] ?? 0;
  const sums = new Array<number>(width).fill(0);
  let count = 0;
  for (let look = 0; look < looks; look += 1) {
    if ((still[look * width] ?? 0) < middle) continue;
    count += 1;
    for (let figure = 0; figure < width; figure += 1) sums[figure] = (sums[figure] ?? 0) + (still[look * width + figure] ?? 0);
  }
  return sums.map((sum) => sum / Math.max(1, count));
}

function dot(a: Float64Array, b: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
}

/** Overlapping triangles, evenly spread as the ear hears pitch (mel). */
function bandWeights(): { from: number; weights: number[] }[] {
  const mel = (hz: number): number => 1_127 * Math.log(1 + hz / 700);
  const hz = (mels: number): number => 700 * (Math.exp(mels / 1_127) - 1);
  const edges = Array.from({ length: BANDS + 2 }, (_, n) => {
    const share = n / (BANDS + 1);
    return (hz(mel(LOWEST_HZ) + share * (mel(HIGHEST_HZ) - mel(LOWEST_HZ))) * SIZE) / RENDERER_RATE;
  });
  return Array.from({ length: BANDS }, (_, band) => {
    const [low = 0, peak = 0, high = 0] = edges.slice(band, band + 3);
    const from = Math.ceil(low);
    const weights = Array.from({ length: Math.floor(high) - from + 1 }, (_, n) => {
      const bin = from + n;
      return Math.max(0, bin < peak ? (bin - low) / (peak - low) : (high - bin) / (high - peak));
    });
    return { from, weights };
  });
}
