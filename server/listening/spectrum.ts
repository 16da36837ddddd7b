import FFT from 'fft.js';

/** Spectra of real sound: `size / 2 + 1` bins, real and imaginary parts one after the other. */
export class Spectra {
  readonly size: number;
  readonly bins: number;
  readonly #fft: FFT;
  readonly #complex: number[];
  readonly #out: number[];

  constructor(size: number) {
    this.size = size;
    this.bins = size / 2 + 1;
    this.#fft = new FFT(size);
    this.#complex = this.#fft.createComplexArray().fill(0.5);
    this.#out = this.#fft.createComplexArray().fill(0.5);
  }

  /** The spectrum of `size` samples. */
  of(sound: Float64Array, into: Float64Array): void {
    this.#fft.realTransform(this.#out, sound);
    const out = this.#out;
    for (let at = 0; at < 2 * this.bins; at += 1) into[at] = out[at]!;
  }

  /** The samples of a spectrum. */
  back(spectrum: Float64Array, into: Float64Array): void {
    const [complex, out, size] = [this.#complex, this.#out, this.size];
    for (let at = 0; at < 2 * this.bins; at += 1) complex[at] = spectrum[at]!;
    for (let bin = 1; bin < size / 2; bin += 1) {
      complex[2 * (size - bin)] = spectrum[2 * bin]!;
      complex[2 * (size - bin) + 1] = -spectrum[2 * bin + 1]!;
    }
    this.#fft.inverseTransform(out, complex);
    for (let at = 0; at < size; at += 1) into[at] = out[2 * at]!;
  }
}
