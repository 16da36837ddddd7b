/** 48 kHz in, 16 kHz out. */
const FACTOR = 3;
/** Half the low-pass's length, in samples at 48 kHz: what lies above 8 kHz would be heard as something else at 16 kHz. */
const HALF = 24;
/** Of the sampling rate: 7 kHz, from where it falls off. */
const CUT_OFF = 7 / 48;

/** A windowed sinc (Hann), made to let constant sound through as it is. */
const TAPS = ((): Float32Array => {
  const taps = Float32Array.from({ length: 2 * HALF + 1 }, (_, i) => {
    const x = i - HALF;
    const sinc = x === 0 ? 2 * CUT_OFF : Math.sin(2 * Math.PI * CUT_OFF * x) / (Math.PI * x);
    return sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / (HALF + 1)));
  });
  const sum = taps.reduce((all, tap) => all + tap, 0);
  return taps.map((tap) => tap / sum);
})();

/** Makes 16 kHz of 48, piece by piece; what it gives is 0.5 ms late. */
export class Decimator {
  #before = new Int16Array(2 * HALF);

  /** @param samples at 48 kHz, a multiple of three */
  take(samples: Int16Array): Int16Array {
    const all = new Int16Array(this.#before.length + samples.length);
    all.set(this.#before);
    all.set(samples, this.#before.length);
    this.#before = all.slice(samples.length);
    const out = new Int16Array(samples.length / FACTOR);
    for (let i = 0; i < out.length; i += 1) {
      let sum = 0;
      for (let tap = 0; tap < TAPS.length; tap += 1) sum += (TAPS[tap] ?? 0) * (all[i * FACTOR + tap] ?? 0);
      out[i] = Math.max(-32_768, Math.min(32_767, Math.round(sum)));
    }
    return out;
  }
}
