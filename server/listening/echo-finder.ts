import { TAPS } from './echo-filter.ts';
import type { SoundLine } from './sound-line.ts';
import { Spectra } from './spectrum.ts';

const SIZE = 32_768;
/** Takes the tilt of a voice away, so that lags stand out. */
const TILT = 0.9;

export interface Found {
  /** Samples between what was sent and what was heard. */
  readonly lag: number;
  /** Share of what was heard that is what was sent, so much earlier; 0…1. */
  readonly share: number;
  /** The next best lag's share, apart from this one's neighbours. */
  readonly rival: number;
}

/** What was sent can't come back so much louder, in power. */
const LOUDER = 16;
/** Lags this near to the best are the best, too: 8 ms. */
const NEIGHBOURS = 128;
/** Lags that are about the same, samples. */
const ABOUT = 8;

/** Finds where, in all that was sent lately, a piece of what was heard comes from. */
export class EchoFinder {
  readonly #spectra = new Spectra(SIZE);
  readonly #sound = new Float64Array(SIZE);
  readonly #taps = new Float64Array(SIZE);
  readonly #a = new Float64Array(2 * this.#spectra.bins);
  readonly #b = new Float64Array(2 * this.#spectra.bins);
  readonly #energy = new Float64Array(SIZE + 1);
  /** Energy and length of what was looked for last. */
  #own = 0;
  #length = 0;

  /**
   * Looks for `heard`, which ended at sample `end` of the line, among lags up to `longest`. With `taps` (a path that was learned) what was sent is
   * taken as the room makes it, and a short piece is enough.
   */
  find(sent: SoundLine, heard: Float64Array, end: number, longest: number, taps?: Float64Array): Found {
    const [spectra, sound, a, b] = [this.#spectra, this.#sound, this.#a, this.#b];
    sent.read(end - SIZE, sound);
    if (taps) {
      this.#taps.fill(0);
      this.#taps.set(taps);
      spectra.of(this.#taps, b);
      spectra.of(sound, a);
      multiply(a, b, false);
      spectra.back(a, sound);
      sound.fill(0, 0, TAPS);
    }
    flatten(sound);
    this.#sum(sound);
    spectra.of(sound, a);
    sound.fill(0);
    sound.set(heard);
    flatten(sound.subarray(0, heard.length));
    this.#own = sound.reduce((all, sample) => all + sample * sample, 0);
    this.#length = heard.length;
    spectra.of(sound, b);
    multiply(a, b, true);
    spectra.back(a, sound);
    return this.#best(Math.min(longest, SIZE - heard.length - (taps ? TAPS : 0)));
  }

  #sum(sound: Float64Array): void {
    for (let at = 0; at < SIZE; at += 1) this.#energy[at + 1] = this.#energy[at]! + sound[at]! ** 2;
  }

  /** The share with a lag that is about `lag`, of what was looked for last. */
  shareNear(lag: number): number {
    let best = 0;
    for (let near = Math.max(0, lag - ABOUT); near <= lag + ABOUT; near += 1) best = Math.max(best, this.#share(near));
    return best;
  }

  #share(lag: number): number {
    const [own, length] = [this.#own, this.#length];
    const start = SIZE - length - lag;
    const energy = this.#energy[start + length]! - this.#energy[start]!;
    return energy * LOUDER < own ? 0 : this.#sound[start]! ** 2 / (own * energy + 1e-12);
  }

  #best(longest: number): Found {
    const best = { lag: 0, share: 0 };
    for (let lag = 0; lag <= longest; lag += 1) {
      const share = this.#share(lag);
      if (share > best.share) Object.assign(best, { lag, share });
    }
    let rival = 0;
    for (let lag = 0; lag <= longest; lag += 1)
      if (Math.abs(lag - best.lag) > NEIGHBOURS) rival = Math.max(rival, this.#share(lag));
    return { ...best, rival };
  }
}

function flatten(sound: Float64Array): void {
  for (let at = sound.length - 1; at > 0; at -= 1) sound[at]! -= TILT * sound[at - 1]!;
  sound[0] = 0;
}

/** a × b, or a × the conjugate of b, into a. */
function multiply(a: Float64Array, b: Float64Array, conjugate: boolean): void {
  const sign = conjugate ? -1 : 1;
  for (let re = 0; re < a.length; re += 2) {
    const [c, d, e, f] = [a[re]!, a[re + 1]!, b[re]!, sign * b[re + 1]!];
    a[re] = c * e - d * f;
    a[re + 1] = c * f + d * e;
  }
}
