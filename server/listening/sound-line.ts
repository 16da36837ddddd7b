/** Hz of what is sent and heard here. */
const PER_MS = 16;
/** Samples remembered, a power of two: 16 s, since on a busy machine what was heard is judged seconds late. */
const SIZE = 262_144;

/**
 * Sound on a line of time, sample by sample, silence where nothing came. Pieces come with the clock's time, which jitters, while sound doesn't:
 * a piece is laid right after the one before it unless the clock says for long, or loudly, that it belongs elsewhere.
 */
export class SoundLine {
  readonly #samples = new Float32Array(SIZE);
  readonly #grid: number;
  readonly #tolerance: number;
  readonly #jump: number;
  /** Sample number that comes next; 16 per clock ms. */
  #end = Number.NaN;
  #late = 0;
  /** Samples by which the line was moved because pieces came more or less quickly than time passes; what is missing or too much is then in the pieces. */
  drifted = 0;

  /**
   * A piece that is `jumpMs` off is believed at once; pieces that are `toleranceMs` off on average are, too. `gridMs`: what is left out is a
   * whole number of these.
   */
  constructor({
    gridMs,
    toleranceMs,
    jumpMs,
  }: {
    readonly gridMs: number;
    readonly toleranceMs: number;
    readonly jumpMs: number;
  }) {
    this.#grid = gridMs * PER_MS;
    this.#tolerance = toleranceMs * PER_MS;
    this.#jump = jumpMs * PER_MS;
  }

  /** The sample number after the last one; NaN before the first. */
  get end(): number {
    return this.#end;
  }

  /** Adds sound whose first sample was there at `at`, clock ms. */
  add(samples: Int16Array, at: number): void {
    const start = Math.round(at * PER_MS);
    if (Number.isNaN(this.#end)) this.#end = start;
    const late = start - this.#end;
    this.#late += 0.02 * (late - this.#late);
    if (Math.abs(late) > this.#jump || Math.abs(this.#late) > this.#tolerance) {
      const moved = Math.round(late / this.#grid) * this.#grid;
      if (Math.abs(late) <= this.#jump) this.drifted += moved;
      this.#goTo(this.#end + moved);
    }
    for (const sample of samples) {
      this.#samples[this.#end & (SIZE - 1)] = sample / 32_768;
      this.#end += 1;
    }
  }

  /** Copies the sound from sample `from` on; silence where there is none yet, or none any more. */
  read(from: number, into: Float64Array): void {
    const oldest = this.#end - SIZE;
    for (let at = 0; at < into.length; at += 1) {
      const place = from + at;
      into[at] = place < this.#end && place >= oldest ? this.#samples[place & (SIZE - 1)]! : 0;
    }
  }

  #goTo(start: number): void {
    if (start > this.#end) {
      const gap = Math.min(start - this.#end, SIZE);
      for (let at = start - gap; at < start; at += 1) this.#samples[at & (SIZE - 1)] = 0;
    }
    this.#end = start;
    this.#late = 0;
  }
}
