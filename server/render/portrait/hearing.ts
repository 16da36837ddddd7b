import FFT from 'fft.js';
import { RENDERER_RATE, RENDERER_SAMPLES_PER_FRAME, type Window } from '#base/media.ts';
import { REST, type MouthShape } from './mouth.ts';

/** Samples looked at per frame: 64 ms, the frame's own 40 and what came just before. */
const SPAN = 1024;
const HANN = Float64Array.from({ length: SPAN }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / SPAN));
/** Quieter than this is silence, dB of full scale. */
export const SILENCE_DB = -52;
/** Mains hum and rumble below this say nothing about a mouth. */
const RUMBLE_HZ = 100;
/** A voice's loudest sounds are this far above those that barely open the mouth, dB. */
const RANGE_DB = 30;
/** Periods of a voice: 70 to 400 Hz. */
const PERIODS = { from: RENDERER_RATE / 400, to: Math.round(RENDERER_RATE / 70) } as const;

interface Sound {
  /** Loudness of the frame, dB of full scale. */
  readonly db: number;
  /** 0 hiss … 1 a clear voice. */
  readonly voiced: number;
  /** Share of the power above 3.5 kHz, 0…1. */
  readonly hiss: number;
  /** First formant: 0 close (ee, oo) … 1 open (ah). */
  readonly openness: number;
  /** Second formant: −1 back (oo, oh) … 1 front (ee). */
  readonly frontness: number;
}

const clamp = (value: number, low = 0, high = 1): number => Math.min(high, Math.max(low, value));
const between = (low: number, high: number, value: number): number => clamp((value - low) / (high - low));

/**
 * Reads mouth shapes off a voice, frame by frame in order: energy opens the jaw, the formants' bands round or spread the lips,
 * hiss brings the teeth together. What isn't a voice (silence, hum, noise) leaves the mouth at rest.
 */
export class Hearing {
  readonly #fft = new FFT(SPAN);
  readonly #input = new Float64Array(SPAN);
  readonly #spectrum = this.#fft.createComplexArray();
  readonly #power = new Float64Array(SPAN);
  readonly #periodic = this.#fft.createComplexArray();
  #loudest = -20;
  #talking = 0;
  #shape: MouthShape = REST;

  /** The shapes of a window's fresh frames. */
  hear(window: Window): MouthShape[] {
    return Array.from({ length: window.freshFrames }, (_, at) => {
      const end = (window.overlapFrames + at + 1) * RENDERER_SAMPLES_PER_FRAME;
      return this.#step(this.#listen(window.samples, end));
    });
  }

  #step(sound: Sound): MouthShape {
    const silent = sound.db < Math.max(SILENCE_DB, this.#loudest - RANGE_DB);
    if (sound.voiced > 0.5 && !silent) this.#loudest = Math.max(this.#loudest - 0.05, Math.min(-6, sound.db));
    // Hiss counts as speech only beside a voice: noise alone never moves the lips.
    this.#talking = Math.max(this.#talking * 0.8, silent ? 0 : sound.voiced);
    const target = silent ? REST : this.#aim(sound);
    this.#shape = approach(this.#shape, target);
    return this.#shape;
  }

  #aim({ db, voiced, hiss, openness, frontness }: Sound): MouthShape {
    const level = between(this.#loudest - RANGE_DB, this.#loudest, db);
    const vowel = voiced * level ** 1.4 * (0.3 + 0.7 * openness);
    const teeth = this.#talking * hiss * between(0, 0.4, level);
    return { open: clamp(Math.max(vowel, 0.2 * teeth)), wide: clamp(frontness * Math.max(voiced, teeth * 0.6), -1, 1), teeth };
  }

  /** Loudness of the frame that ends at sample `end`, and what its spectrum says. */
  #listen(samples: Int16Array, end: number): Sound {
    const db = loudness(samples, end);
    if (db < SILENCE_DB) return { db, voiced: 0, hiss: 0, openness: 0, frontness: 0 };
    for (let at = 0; at < SPAN; at += 1) this.#input[at] = ((samples[end - SPAN + at] ?? 0) / 32_768) * (HANN[at] ?? 0);
    this.#fft.realTransform(this.#spectrum, this.#input);
    const power = this.#power;
    for (let bin = 0; bin <= SPAN / 2; bin += 1) {
      power[bin] = (this.#spectrum[2 * bin] ?? 0) ** 2 + (this.#spectrum[2 * bin + 1] ?? 0) ** 2;
      if (bin > 0) power[SPAN - bin] = power[bin] ?? 0;
    }
    const rumble = band(power, 0, RUMBLE_HZ);
    const whole = band(power, RUMBLE_HZ, RENDERER_RATE / 2);
    const low = Math.ceil((RUMBLE_HZ * SPAN) / RENDERER_RATE);
    power.fill(0, 0, low).fill(0, SPAN - low + 1);
    return {
      db: db + decibels(whole / (whole + rumble)),
      voiced: between(0.35, 0.6, this.#periodicity()),
      hiss: between(0.3, 0.7, band(power, 3500, 8000) / whole),
      openness: between(-16, 2, decibels(band(power, 500, 1100) / band(power, 100, 500))),
      frontness: 2 * between(-18, 4, decibels(band(power, 1700, 3200) / band(power, 600, 1500))) - 1,
    };
  }

  /** Highest autocorrelation at a voice's periods, 0…1 (Wiener–Khinchin: the power's transform is the autocorrelation). */
  #periodicity(): number {
    this.#fft.realTransform(this.#periodic, this.#power);
    const energy = (this.#periodic[0] ?? 0) + 1e-12;
    let best = 0;
    for (let lag = PERIODS.from; lag <= PERIODS.to; lag += 1) {
      // The Hann window fades late lags; dividing by its own autocorrelation undoes that.
      best = Math.max(best, (this.#periodic[2 * lag] ?? 0) / energy / (FADE[lag] ?? 1));
    }
    return clamp(best);
  }
}

/** Power between two frequencies, Hz; never quite nothing. */
function band(power: Float64Array, from: number, to: number): number {
  let sum = 1e-12;
  for (let bin = Math.ceil((from * SPAN) / RENDERER_RATE); bin < (to * SPAN) / RENDERER_RATE; bin += 1) sum += power[bin] ?? 0;
  return sum;
}

/** Autocorrelation of the Hann window, 1 at lag 0. */
const FADE = Float64Array.from({ length: PERIODS.to + 1 }, (_, lag) => {
  let sum = 0;
  for (let at = 0; at + lag < SPAN; at += 1) sum += (HANN[at] ?? 0) * (HANN[at + lag] ?? 0);
  return sum / (0.375 * SPAN);
});

const decibels = (ratio: number): number => 10 * Math.log10(ratio);

/** Of the frame that ends at sample `end`, dB of full scale. */
export function loudness(samples: Int16Array, end: number): number {
  let sum = 0;
  for (let at = end - RENDERER_SAMPLES_PER_FRAME; at < end; at += 1) sum += (samples[at] ?? 0) ** 2;
  return decibels(sum / RENDERER_SAMPLES_PER_FRAME / 32_768 ** 2 + 1e-12);
}

/** One frame of movement: lips open faster than they close, and come to rest exactly. */
function approach(from: MouthShape, to: MouthShape): MouthShape {
  const open = from.open + (to.open - from.open) * (to.open > from.open ? 0.7 : 0.5);
  const teeth = from.teeth + (to.teeth - from.teeth) * 0.6;
  const wide = from.wide + (to.wide - from.wide) * 0.45;
  if (to.open < 0.03 && open < 0.03) return REST;
  return { open, wide, teeth };
}
