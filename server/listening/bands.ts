/** Edges of the bands in which a voice is looked for, Hz: narrow where vowels are, wide where there is hiss. */
const EDGES = [180, 280, 380, 490, 610, 750, 910, 1_100, 1_320, 1_580, 1_880, 2_240, 2_680, 3_240, 3_960, 4_900, 6_200];

export const BANDS = EDGES.length - 1;

/** No band counts for more, dB. */
const CLEAR_DB = 12;

/** Sums of bins in bands, of spectra of so many samples at 16 kHz. */
export class Bands {
  readonly #edges: readonly number[];

  constructor(size: number) {
    this.#edges = EDGES.map((hz) => Math.round((hz * size) / 16_000));
  }

  /** Powers of a spectrum. */
  ofSpectrum(spectrum: Float64Array, into: Float64Array): void {
    for (let band = 0; band < BANDS; band += 1) {
      let sum = 0;
      for (let re = 2 * this.#edges[band]!; re < 2 * this.#edges[band + 1]!; re += 1) sum += spectrum[re]! ** 2;
      into[band] = sum;
    }
  }

  /** Sums of powers per bin. */
  ofPower(power: Float64Array, into: Float64Array): void {
    for (let band = 0; band < BANDS; band += 1) {
      let sum = 0;
      for (let bin = this.#edges[band]!; bin < this.#edges[band + 1]!; bin += 1) sum += power[bin]!;
      into[band] = sum;
    }
  }
}

/** How far what was heard is above what was to be expected, dB, the middle of all bands. */
export function above(heard: Float64Array, expected: Float64Array, noise: Float64Array): number {
  let sum = 0;
  for (let band = 0; band < BANDS; band += 1) {
    const db = 10 * Math.log10(heard[band]! / (expected[band]! + 3 * noise[band]! + 1e-9) + 1e-9);
    sum += Math.min(CLEAR_DB, Math.max(0, db));
  }
  return sum / BANDS;
}
