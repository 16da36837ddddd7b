/** Half of a filter's length, in samples of 16 kHz: it hears 0.5 ms ahead. */
const HALF = 8;
/** Positions between two samples of 16 kHz at which one of 24 kHz may lie, in thirds. */
const FILTERS = [0, 1, 2].map((thirds) => filterAt(thirds / 3));

/** 16 kHz to 24 kHz, piece by piece: a windowed sinc. What comes out is exactly half as long again once `flush` was called. */
export class Upsampler {
  #held: Int16Array = new Int16Array(HALF - 1);
  /** Where the next sample lies, in thirds of a sample from the first that is held. */
  #at = 0;

  push(samples: Int16Array): Int16Array {
    const held = new Int16Array(this.#held.length + samples.length);
    held.set(this.#held);
    held.set(samples, this.#held.length);
    const made = new Int16Array(Math.max(0, Math.ceil(((held.length - 2 * HALF + 1) * 3 - this.#at) / 2)));
    for (let n = 0; n < made.length; n += 1, this.#at += 2) {
      const filter = FILTERS[this.#at % 3] as Float64Array;
      const from = Math.floor(this.#at / 3);
      let sum = 0;
      for (let k = 0; k < filter.length; k += 1) sum += (filter[k] as number) * (held[from + k] as number);
      made[n] = Math.max(-32_768, Math.min(32_767, Math.round(sum)));
    }
    const done = Math.floor(this.#at / 3);
    this.#at -= done * 3;
    this.#held = held.slice(done);
    return made;
  }

  /** The rest, as if silence followed. */
  flush(): Int16Array {
    return this.push(new Int16Array(HALF));
  }
}

/** Taps for a sample that lies `share` of the way from the middle tap to the next. */
function filterAt(share: number): Float64Array {
  const taps = Float64Array.from({ length: 2 * HALF }, (_, k) => {
    const distance = k - (HALF - 1) - share;
    if (distance === 0) return 1;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / HALF);
    return (window * Math.sin(Math.PI * distance)) / (Math.PI * distance);
  });
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}
