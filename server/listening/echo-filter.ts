import type { SoundLine } from './sound-line.ts';
import { Spectra } from './spectrum.ts';

/** Samples of a frame, and of the filter's blocks. */
export const BLOCK = 512;
/** Blocks of the filter: 320 ms of a room. */
const BLOCKS = 10;
export const TAPS = BLOCK * BLOCKS;
/** How far a path may be from what is known of it at first: as loud as what was sent. */
const UNKNOWN = 1;
/** How well a path stays what it is from block to block. */
const STEADY = 0.9995;
/** How quickly the near sound is taken to change. */
const NEAR_SMOOTH = 0.5;

/**
 * The way of a sound through loudspeaker, room and microphone, learned while it is heard: a Kalman filter in the frequency domain, in blocks, with
 * uncertainties per bin (Enzner and Vary 2006; Kuech, Mabande and Enzner 2014). It learns quickly while it knows little and hardly while somebody talks
 * over it, and knows how wrong it may be.
 */
export class EchoFilter {
  readonly #spectra = new Spectra(2 * BLOCK);
  readonly #bins = this.#spectra.bins;
  /** What was sent, as spectra of two blocks, the latest at `#first`. */
  readonly #sent = Array.from({ length: BLOCKS }, () => new Float64Array(2 * this.#bins));
  readonly #path = Array.from({ length: BLOCKS }, () => new Float64Array(2 * this.#bins));
  readonly #doubt = Array.from({ length: BLOCKS }, () => new Float64Array(this.#bins).fill(UNKNOWN / BLOCKS));
  readonly #near = new Float64Array(this.#bins);
  readonly #sound = new Float64Array(2 * BLOCK);
  readonly #sum = new Float64Array(2 * this.#bins);
  readonly #error = new Float64Array(2 * this.#bins);
  readonly #step = new Float64Array(2 * this.#bins);
  #first = 0;
  #constrained = 0;

  /** The echo that is expected in the last block heard. */
  readonly echo = new Float64Array(BLOCK);
  /** Energy of what was sent that the last block belongs to, the block before included. */
  sent = 0;
  /** Power per bin by which that may be wrong, as far as the filter knows. */
  readonly risk = new Float64Array(this.#bins);

  forget(): void {
    for (const path of this.#path) path.fill(0);
    for (const doubt of this.#doubt) doubt.fill(UNKNOWN / BLOCKS);
    this.#near.fill(0);
  }

  /** Fills what was sent anew, for another delay: the block heard next belongs to what was sent at `at`. */
  align(sent: SoundLine, at: number): void {
    for (let block = 1; block < BLOCKS; block += 1) this.#load(sent, at - block * BLOCK, (this.#first + block - 1) % BLOCKS);
  }

  /** Predicts the echo in a block of the microphone that belongs to what was sent from sample `at` on. */
  predict(sent: SoundLine, at: number): void {
    this.#first = (this.#first + BLOCKS - 1) % BLOCKS;
    this.#load(sent, at, this.#first);
    this.sent = this.#sound.reduce((all, sample) => all + sample * sample, 0);
    const [sum, risk] = [this.#sum.fill(0), this.risk.fill(0)];
    for (let block = 0; block < BLOCKS; block += 1) {
      const [x, w, p] = [this.#sent[(this.#first + block) % BLOCKS]!, this.#path[block]!, this.#doubt[block]!];
      for (let bin = 0, re = 0; bin < this.#bins; bin += 1, re += 2) {
        const [a, b, c, d] = [x[re]!, x[re + 1]!, w[re]!, w[re + 1]!];
        sum[re]! += a * c - b * d;
        sum[re + 1]! += a * d + b * c;
        risk[bin]! += (a * a + b * b) * p[bin]!;
      }
    }
    this.#spectra.back(sum, this.#sound);
    this.echo.set(this.#sound.subarray(BLOCK));
  }

  /** Learns from what was heard less the echo that was predicted. */
  learn(rest: Float64Array): void {
    this.#sound.fill(0, 0, BLOCK);
    this.#sound.set(rest, BLOCK);
    this.#spectra.of(this.#sound, this.#error);
    const [error, near, risk] = [this.#error, this.#near, this.risk];
    for (let bin = 0; bin < this.#bins; bin += 1) {
      const power = error[2 * bin]! ** 2 + error[2 * bin + 1]! ** 2;
      near[bin] = NEAR_SMOOTH * near[bin]! + (1 - NEAR_SMOOTH) * power;
    }
    for (let block = 0; block < BLOCKS; block += 1) {
      const [x, w, p] = [this.#sent[(this.#first + block) % BLOCKS]!, this.#path[block]!, this.#doubt[block]!];
      for (let bin = 0, re = 0; bin < this.#bins; bin += 1, re += 2) {
        const [a, b] = [x[re]!, x[re + 1]!];
        // Half of the power of two blocks is in the one that counts; a step that reckons with so little is too long for an echo in the middle of a block.
        const gain = p[bin]! / (risk[bin]! + near[bin]! + 1e-9);
        const [c, d] = [error[re]!, error[re + 1]!];
        w[re]! += gain * (a * c + b * d);
        w[re + 1]! += gain * (a * d - b * c);
        const known = Math.max(0, 1 - 0.5 * gain * (a * a + b * b));
        p[bin] = STEADY * STEADY * known * p[bin]! + (1 - STEADY * STEADY) * (w[re]! ** 2 + w[re + 1]! ** 2);
      }
    }
    this.#constrain((this.#constrained = (this.#constrained + 1) % BLOCKS));
    this.#constrain(0);
  }

  /** The path as samples. */
  taps(into: Float64Array): void {
    for (let block = 0; block < BLOCKS; block += 1) {
      this.#spectra.back(this.#path[block]!, this.#sound);
      into.set(this.#sound.subarray(0, BLOCK), block * BLOCK);
    }
  }

  #load(sent: SoundLine, at: number, place: number): void {
    sent.read(at - BLOCK, this.#sound);
    this.#spectra.of(this.#sound, this.#sent[place]!);
  }

  /** A block of the path is no longer than a block; what learning in the frequency domain adds beyond is cut off, a block each time. */
  #constrain(block: number): void {
    this.#spectra.back(this.#path[block]!, this.#step);
    this.#sound.fill(0);
    this.#sound.set(this.#step.subarray(0, BLOCK));
    this.#spectra.of(this.#sound, this.#path[block]!);
  }
}
