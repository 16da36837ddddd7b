import { RENDERER_RATE } from '#base/media.ts';
import table from './likenesses.json' with { type: 'json' };
import { pathThrough, type Likeness, type Stop } from './path.ts';
import { Spectrum, FIGURES, HOP } from './spectrum.ts';
import { soundsOf } from './spelling.ts';

/** Samples at 16 kHz from the beginning of the voice. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** It begins with a burst that was found, which is sure to a millisecond or two; other beginnings to some 30. */
  readonly isSharp: boolean;
}

/** Each sound is heard in two parts, one after the other. */
const PARTS = 2;
const PASS_MUTE = -2;
const PASS_PAUSE = -1;
/** What ends closer than this to the end of what is known may still turn out otherwise, looks. */
const UNSURE = 25;
/** Sounds that begin with a silence, which belongs to them and isn't heard. */
const STOPPED = new Set(['p', 't', 'k', 'b', 'd', 'g', 'ch', 'j']);
/** Louder than this beside the usual is voice (natural logarithm of the power). */
const QUIET = -4;
/**
 * How finely and how far the burst of one is looked for, samples, and how steep it is at least (natural logarithm of its power). Of several that are nearly
 * as steep the last counts: the ones before may be of the word before.
 */
const BURST = { step: 40, span: 80, beyond: 480, steepness: 1, nearly: 0.8, floor: 50 } as const;

const NAMES = new Map(table.map(({ name }, at) => [name, at]));
const LIKENESSES: readonly Likeness[] = table.map(({ middle, variance }) => ({
  middle: Float64Array.from(middle),
  precision: Float64Array.from(variance, (one) => 1 / one),
  offset: variance.reduce((sum, one) => sum + Math.log(one), 0),
}));
const PAUSE = NAMES.get('_0') ?? 0;
const ANY = NAMES.get('?0') ?? 0;

/** What one stop of the way belongs to. */
interface Place {
  /** Undefined for a pause. */
  readonly word: number | undefined;
  /** Which part it is of a sound that begins with a silence and begins its word. */
  readonly held: number | undefined;
}

/**
 * Finds where in a voice the words are said that are known to be said in it: their letters tell roughly which sounds follow each other, and the most
 * likely way of the voice through them is taken. About half a millisecond of work per second of voice. See docs/adr/0009-word-times.md.
 */
export class Aligner {
  readonly #stops: Stop[] = [];
  readonly #places: Place[] = [];
  readonly #spectrum = new Spectrum();
  readonly #lengths: readonly number[];
  readonly #unknown: boolean;
  #sound: Int16Array = new Int16Array(0);
  #length = 0;

  /** @param words as they are spoken, in order */
  constructor(words: readonly string[]) {
    this.#stop(PAUSE, true, 0, { word: undefined, held: undefined });
    const spelled = words.map(soundsOf);
    spelled.forEach((sounds, word) => {
      sounds.forEach(({ unit, mute }, at) => {
        for (let part = 0; part < PARTS; part += 1) {
          const sound = NAMES.get(`${unit}${part}`) ?? NAMES.get(`e${part}`) ?? ANY;
          this.#stop(sound, mute, PASS_MUTE, { word, held: at === 0 && STOPPED.has(unit) ? part : undefined });
        }
      });
      this.#stop(PAUSE, true, PASS_PAUSE, { word: undefined, held: undefined });
    });
    const sounds = spelled.flat();
    this.#unknown = sounds.filter(({ unit }) => unit === '?').length * 3 > sounds.length;
    this.#lengths = spelled.map((one, word) => Math.max(1, one.length, (words[word] ?? '').length / 2));
  }

  push(samples: Int16Array): void {
    if (this.#length + samples.length > this.#sound.length) {
      const more = new Int16Array(Math.max(2 * RENDERER_RATE, 2 * (this.#length + samples.length)));
      more.set(this.#sound.subarray(0, this.#length));
      this.#sound = more;
    }
    this.#sound.set(samples, this.#length);
    this.#length += samples.length;
    this.#spectrum.push(samples);
  }

  /** Where the words are: all of them once the voice has `ended`, before that the ones that are sure. */
  words(ended: boolean): Span[] {
    const figures = this.#spectrum.figures();
    const looks = figures.length / FIGURES;
    if (looks === 0 || this.#lengths.length === 0) return [];
    if (this.#unknown) return ended ? this.#shared(figures) : [];
    const way = pathThrough(this.#stops, figures, LIKENESSES, ended);
    if (!way) return ended ? this.#shared(figures) : [];
    const spans = this.#spans(way);
    return ended ? spans : spans.filter(({ end }, word) => word < spans.length - 1 && end < (looks - UNSURE) * HOP);
  }

  #stop(sound: number, optional: boolean, skip: number, place: Place): void {
    this.#stops.push({ sound, optional, skip });
    this.#places.push(place);
  }

  #spans(way: Int32Array): Span[] {
    const found = new Map<number, { from: number; to: number; opens?: number; held?: number }>();
    way.forEach((stop, look) => {
      const { word, held } = this.#places[stop] as Place;
      if (word === undefined) return;
      const span = found.get(word) ?? { from: look, to: look };
      found.set(word, span);
      span.to = look + 1;
      if (held === 0) span.opens = look + 1;
      if (held !== undefined) span.held = look;
    });
    let last = 0;
    return Array.from({ length: 1 + Math.max(-1, ...found.keys()) }, (_, word) => {
      const span = found.get(word);
      if (!span) return { start: last, end: last, isSharp: false };
      const { from, to, opens = from, held } = span;
      const burst = held === undefined ? undefined : this.#burst(from * HOP, held * HOP);
      const start = burst ?? opens * HOP;
      last = Math.max(start, to * HOP);
      return { start, end: last, isSharp: burst !== undefined };
    });
  }

  /** Where the sound breaks out that is held back within `from` to `to`: where it gets louder most steeply; undefined where it doesn't. */
  #burst(from: number, to: number): number | undefined {
    const powers: number[] = [];
    const first = Math.max(0, from - BURST.span);
    for (let at = first; at + BURST.span <= Math.min(this.#length, to + BURST.beyond); at += BURST.step) {
      let power = 0;
      for (let n = at; n < at + BURST.span; n += 1) power += (this.#sound[n] ?? 0) ** 2;
      powers.push(Math.log(power / BURST.span + BURST.floor));
    }
    const rises = powers.map((power, at) => power - (powers[at - 2] ?? power));
    const steepest = Math.max(...rises, 0);
    if (steepest < BURST.steepness) return undefined;
    return first + rises.findLastIndex((rise) => rise >= BURST.nearly * steepest) * BURST.step;
  }

  /** Where letters tell nothing: the time in which there is a voice, shared out by the words' lengths. */
  #shared(figures: Float64Array): Span[] {
    const looks = Array.from({ length: figures.length / FIGURES }, (_, look) => look);
    const voiced = looks.filter((look) => (figures[look * FIGURES] ?? 0) > QUIET);
    const whole = this.#lengths.reduce((sum, one) => sum + one, 0);
    let before = 0;
    return this.#lengths.map((length) => {
      const at = (share: number): number => (voiced[Math.min(voiced.length - 1, Math.floor(share * voiced.length))] ?? 0) * HOP;
      const start = at(before / whole);
      before += length;
      return { start, end: at(before / whole) + HOP, isSharp: false };
    });
  }
}
