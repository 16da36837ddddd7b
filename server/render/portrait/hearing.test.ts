import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RENDERER_SAMPLES_PER_FRAME, type Window } from '#base/media.ts';
import { Hearing } from './hearing.ts';
import { REST, type MouthShape } from './mouth.ts';

const OVERLAP = 2;

/** Shapes for a sound of whole frames, heard in windows of the given lengths (the last one repeats). */
function shapes(sound: Int16Array, lengths: readonly number[] = [4]): MouthShape[] {
  const hearing = new Hearing();
  const frames = Math.floor(sound.length / RENDERER_SAMPLES_PER_FRAME);
  const heard: MouthShape[] = [];
  for (let start = 0, index = 0; start < frames; index += 1) {
    const freshFrames = Math.min(lengths[Math.min(index, lengths.length - 1)] ?? 4, frames - start);
    const first = (start - OVERLAP) * RENDERER_SAMPLES_PER_FRAME;
    const samples = Int16Array.from(
      { length: (OVERLAP + freshFrames) * RENDERER_SAMPLES_PER_FRAME },
      (_, at) => sound[first + at] ?? 0,
    );
    const window: Window = {
      index,
      startFrame: start,
      overlapFrames: OVERLAP,
      freshFrames,
      samples,
      ahead: Int16Array.from(
        { length: RENDERER_SAMPLES_PER_FRAME },
        (_, at) => sound[(start + freshFrames) * RENDERER_SAMPLES_PER_FRAME + at] ?? 0,
      ),
      clause: { index: 0, text: '' },
      endOfClause: false,
    };
    heard.push(...hearing.hear(window));
    start += freshFrames;
  }
  return heard;
}

const sound = (frames: number, wave: (at: number) => number): Int16Array =>
  Int16Array.from({ length: frames * RENDERER_SAMPLES_PER_FRAME }, (_, at) => wave(at));
const join = (...parts: Int16Array[]): Int16Array => Int16Array.from(parts.flatMap((part) => [...part]));
const silence = (frames: number): Int16Array => sound(frames, () => 0);

/** A voice of 140 Hz whose overtones stand out around the given formants, Hz. */
function vowel(frames: number, formants: readonly number[]): Int16Array {
  const tones = Array.from({ length: 25 }, (_, at) => (at + 1) * 140);
  // A voice's overtones fade by about 6 dB an octave on their way to the ear.
  const loud = tones.map((hz) => formants.reduce((sum, formant) => sum + 1 / (1 + ((hz - formant) / 90) ** 2), 0.02) / hz);
  const whole = Math.hypot(...loud);
  return sound(
    frames,
    (at) =>
      tones.reduce((sum, hz, tone) => sum + ((loud[tone] ?? 0) / whole) * Math.sin((2 * Math.PI * hz * at) / 16_000), 0) * 6_000,
  );
}

/** White noise of a peak level, the same each time; with `rough` set only its high frequencies. */
function noise(frames: number, peak: number, rough = false): Int16Array {
  let state = 1;
  let before = 0;
  return sound(frames, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    const now = (state / 2 ** 31) * peak;
    const sharp = now - before;
    before = now;
    return rough ? sharp / 2 : now;
  });
}

const AH = [750, 1200];
const EE = [290, 2300];
const OO = [310, 800];
const middle = (all: MouthShape[]): MouthShape => all[Math.floor(all.length / 2)] ?? REST;

describe('what a mouth does to a voice', () => {
  it('opens for a voice and comes to rest within a quarter of a second after it', () => {
    const heard = shapes(join(silence(5), vowel(15, AH), silence(10)));
    // On its way a frame before, and no sooner.
    expect(heard.slice(0, 4)).toEqual(Array<MouthShape>(4).fill(REST));
    expect(heard[4]?.open).toBeGreaterThan(0);
    expect(Math.max(...heard.map(({ open }) => open))).toBeGreaterThan(0.5);
    expect(heard.slice(-4)).toEqual(Array<MouthShape>(4).fill(REST));
  });

  it('opens wider for ah than for ee and oo, spreads for ee and rounds for oo', () => {
    const [ah, ee, oo] = [AH, EE, OO].map((formants) => middle(shapes(vowel(20, formants)))) as [
      MouthShape,
      MouthShape,
      MouthShape,
    ];
    expect(ah.open).toBeGreaterThan(ee.open + 0.15);
    expect(ah.open).toBeGreaterThan(oo.open + 0.15);
    expect(ee.wide).toBeGreaterThan(0.4);
    expect(oo.wide).toBeLessThan(-0.4);
  });

  it('brings the teeth together for a hiss beside a voice, jaw nearly closed', () => {
    const heard = shapes(join(vowel(10, AH), noise(4, 6_000, true), vowel(10, AH)));
    const hiss = heard[12] ?? REST;
    expect(hiss.teeth).toBeGreaterThan(0.3);
    expect(hiss.open).toBeLessThan(0.4);
  });

  it('opens less for a quieter voice', () => {
    const loud = vowel(20, AH);
    const soft = loud.map((sample) => sample / 6);
    expect(middle(shapes(join(loud, soft).subarray(0))).open).toBeGreaterThan((shapes(join(loud, soft))[30] ?? REST).open + 0.1);
  });

  it('stays at rest in silence, noise and hum, at any level', () => {
    const hum = (peak: number): Int16Array => sound(25, (at) => peak * Math.sin((2 * Math.PI * 50 * at) / 16_000));
    for (const level of [0, 30, 300, 3_000, 20_000]) {
      for (const still of [noise(25, level), noise(25, level, true), hum(level)]) {
        const heard = shapes(still);
        // The crack of a sound that starts at full level may part the lips for a moment.
        expect(Math.max(...heard.map(({ open }) => open))).toBeLessThan(0.15);
        expect(heard.slice(4)).toEqual(heard.slice(4).map(() => REST));
      }
    }
  });

  it('sees the same shapes however the sound is cut into windows, and only shapes that can be drawn', () => {
    const speech = join(silence(3), vowel(6, AH), noise(3, 5_000, true), vowel(6, EE), silence(4), vowel(5, OO));
    const whole = shapes(speech);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }), (lengths) => {
        expect(shapes(speech, lengths)).toEqual(whole);
      }),
      { numRuns: 25 },
    );
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -32_768, max: 32_767 }), { minLength: 640, maxLength: 2_560 }), (samples) => {
        for (const { open, wide, teeth } of shapes(Int16Array.from(samples))) {
          expect(open >= 0 && open <= 1 && wide >= -1 && wide <= 1 && teeth >= 0 && teeth <= 1).toBe(true);
        }
      }),
      { numRuns: 25 },
    );
  });
});
