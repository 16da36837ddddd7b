import type { Character } from '#base/media.ts';
import { mostAlike } from './alike.ts';

/** How long one rendition fades into the next, ms. */
const FADE = 10;
/** How much of what was heard is compared with a new rendition, ms. */
const COMPARED = 400;

/**
 * One clause's sound, which may take several renditions when one is cut off. A new one is joined where its text is at the point at which the one
 * before stopped: by the times of their characters, or else where it sounds most alike. So no word is heard twice, and a fade hides the joint.
 */
export class Clip {
  readonly #perMs: number;
  #given = 0;
  /** Kept back for the fade. */
  #held: Int16Array = new Int16Array(0);
  #recent: Int16Array = new Int16Array(0);
  #characters: readonly Character[] = [];
  #offset = 0;

  /** @param rate Hz */
  constructor(rate: number) {
    this.#perMs = rate / 1_000;
  }

  /** Samples from the beginning of the present rendition to that of the clause. */
  get offset(): number {
    return this.#offset;
  }

  get isEmpty(): boolean {
    return this.#heard === 0;
  }

  get #heard(): number {
    return this.#given + this.#held.length;
  }

  /** What `sound`, a rendition from its beginning, adds. `characters` holds the times of its characters, as far as they are known by then. */
  async *follow(sound: AsyncIterable<Int16Array>, characters: readonly Character[]): AsyncGenerator<Int16Array, void, undefined> {
    let unjoined: Int16Array | undefined = this.#heard === 0 ? undefined : new Int16Array(0);
    try {
      for await (const samples of sound) {
        if (!unjoined) {
          yield this.#give(concat(this.#held, samples), samples);
          continue;
        }
        unjoined = concat(unjoined, samples);
        const at = this.#place(unjoined, characters, false);
        if (at === undefined) {
          // A sign of life.
          yield new Int16Array(0);
          continue;
        }
        yield this.#join(unjoined, at);
        unjoined = undefined;
      }
      if (unjoined) yield this.#join(unjoined, this.#place(unjoined, characters, true) ?? unjoined.length);
      unjoined = undefined;
      this.#given += this.#held.length;
      yield this.#held;
    } finally {
      if (!unjoined) this.#characters = shifted(characters, this.#offset);
    }
  }

  #give(sound: Int16Array, fresh: Int16Array): Int16Array {
    this.#recent = last(concat(this.#recent, fresh), COMPARED * this.#perMs);
    this.#held = last(sound, FADE * this.#perMs);
    const given = sound.subarray(0, sound.length - this.#held.length);
    this.#given += given.length;
    return given;
  }

  #join(sound: Int16Array, at: number): Int16Array {
    this.#offset = this.#heard - at;
    const fade = Math.min(this.#held.length, at);
    const crossed = this.#held.slice();
    for (let n = 1; n <= fade; n += 1) {
      const i = crossed.length - n;
      const share = n / (fade + 1);
      crossed[i] = Math.round((crossed[i] ?? 0) * share + (sound[at - n] ?? 0) * (1 - share));
    }
    const rest = sound.subarray(at);
    return this.#give(concat(crossed, rest), rest);
  }

  /** Where in `sound` the text is as far as it was heard; undefined while that can't be told yet. */
  #place(sound: Int16Array, characters: readonly Character[], ended: boolean): number | undefined {
    const byText = sameText(this.#heard, this.#characters, characters);
    if (byText !== undefined && (byText <= sound.length || ended)) return Math.min(byText, sound.length);
    if (this.#characters.length > 0 && !ended) return undefined;
    return mostAlike(this.#recent, sound, { near: this.#heard, perMs: this.#perMs, ended });
  }
}

/** The sample of rendition `b` at which its text is where that of `a` is at sample `at`. */
function sameText(at: number, a: readonly Character[], b: readonly Character[]): number | undefined {
  const index = a.findLastIndex(({ start }) => start <= at);
  const [from, to] = [a[index], b[index]];
  if (!from || !to) return undefined;
  const share = Math.min(1, (at - from.start) / Math.max(1, from.end - from.start));
  return Math.round(to.start + share * (to.end - to.start));
}

export const shifted = (characters: readonly Character[], by: number): Character[] =>
  characters.map(({ text, start, end }) => ({ text, start: start + by, end: end + by }));

const last = (samples: Int16Array, count: number): Int16Array => samples.slice(Math.max(0, samples.length - Math.round(count)));

function concat(a: Int16Array, b: Int16Array): Int16Array {
  const whole = new Int16Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
