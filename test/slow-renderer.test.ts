import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MS_PER_FRAME } from '#base/media.ts';
import { Pace } from '#base/pace.ts';
import { simulate, type Scene, type Told } from '#test/fixtures/simulated-speech.ts';

/** What the rule may be late by in any case: the voice's lead, the grid, and the voice known before a clause starts; 6 frames. */
const GRAIN = 6 * MS_PER_FRAME;

const seconds = (min: number, max: number) => fc.integer({ min: Math.round(min * 25), max: Math.round(max * 25) });
const clauses = fc.oneof(
  fc.array(seconds(0.2, 6), { minLength: 1, maxLength: 5 }),
  fc.array(seconds(1, 20), { minLength: 1, maxLength: 2 }),
);
const renderer = fc.record({
  rtf: fc.oneof(fc.double({ min: 0.3, max: 8, noNaN: true }), fc.constantFrom(0.3, 0.9, 1, 1.1, 2, 5, 8)),
  windowFrames: fc.constantFrom(4, 39, 72, 81),
  /** Share of a whole window's time that each window takes, however short. */
  fixed: fc.constantFrom(0, 0, 0.3, 1),
  streamed: fc.boolean(),
});
const voiceRtf = fc.double({ min: 0.01, max: 0.25, noNaN: true });
type Made = { rtf: number; windowFrames: number; fixed: number; streamed: boolean };

/** ms a window takes while nothing disturbs the renderer. */
const usual =
  ({ rtf, windowFrames, fixed }: Made) =>
  (frames: number): number =>
    rtf * MS_PER_FRAME * (fixed * windowFrames + (1 - fixed) * frames);

/** As if it had been drawn with for a while. */
function learned(made: Made, { jitter = 0, seed = 0 } = {}): Pace {
  const pace = new Pace(made.rtf, made.windowFrames);
  const lengths = [1, 1, 0.5, 1, 1, 0.25, 1, 1, 1, 0.5, 1, 1];
  for (const [at, share] of lengths.entries()) {
    const frames = Math.max(1, Math.round(share * made.windowFrames));
    pace.measure(frames, usual(made)(frames) * (1 + jitter * wobble(seed, -at)), made.streamed ? 0 : 1);
  }
  return pace;
}

/** −1…1, the same for the same arguments. */
function wobble(seed: number, index: number): number {
  const x = Math.sin(index * 127.1 + seed * 311.7) * 43_758.5453;
  return 2 * (x - Math.floor(x)) - 1;
}

/** Every sound once and in order, nothing but silence after them, and a report that says so. */
function expectWhole(told: Told, { clauses }: Pick<Scene, 'clauses'>): void {
  const frames = clauses.reduce((sum, length) => sum + length, 0);
  expect(told.sounds).toEqual(Array.from({ length: frames }, (_, frame) => frame));
  expect(told.report).toMatchObject({ outcome: 'done' });
  expect(told.report.spoken.map(({ clause, complete }) => [clause.index, complete])).toEqual(clauses.map((_, at) => [at, true]));
  expect(told.air.at(-1)).toMatchObject({ state: 'idle' });
}

const lateIn = (told: Told): number => told.clauses.reduce((sum, clause) => sum + clause.late, 0);

/**
 * When each clause could have been started by somebody who knows the renderer. Where a window, if only a clause's short last one, is drawn
 * slowly, the clause's end must be known as well, and what comes after it waits with it.
 */
function soonest(made: Made, clauses: Told['clauses']): number[] {
  const isSlow = usual(made)(1) > 0.8 * MS_PER_FRAME;
  let over = 0;
  return clauses.map(({ safe, known, frames }) => {
    const start = Math.max(over, safe, isSlow ? known : 0);
    over = start + frames * MS_PER_FRAME;
    return start;
  });
}

describe('renderers of any speed', () => {
  it(
    'whose pace is known never stall inside a clause, which starts at most 5 % after the earliest safe moment',
    { timeout: 120_000 },
    () =>
      fc.assert(
        fc.asyncProperty(
          renderer,
          clauses,
          voiceRtf,
          fc.option(fc.integer({ min: 3, max: 20 })),
          async (made, lengths, voice, nth) => {
            const told = await simulate({
              ...made,
              clauses: lengths,
              expectedRtf: made.rtf,
              takes: (_, frames) => usual(made)(frames),
              voiceRtf: voice,
              pace: learned(made),
              ...(nth === null ? {} : { dropped: (frame: number) => frame % nth === 1 }),
            });
            expectWhole(told, { clauses: lengths });
            expect([told.stalls, lateIn(told)]).toEqual([0, 0]);
            expect(told.air.map(({ state }) => state)).not.toContain('degraded');
            const starts = soonest(made, told.clauses);
            for (const [at, { start }] of told.clauses.entries()) expect(start).toBeLessThanOrEqual(1.05 * starts[at]! + GRAIN);
          },
        ),
        { numRuns: 150 },
      ),
  );

  it('tell how long a wait will be, and it is so', { timeout: 120_000 }, () =>
    fc.assert(
      fc.asyncProperty(renderer, clauses, voiceRtf, async (made, lengths, voice) => {
        const told = await simulate({
          ...made,
          clauses: lengths,
          expectedRtf: made.rtf,
          takes: (_, frames) => usual(made)(frames),
          voiceRtf: voice,
          pace: learned(made),
        });
        for (const { at, etaMs = Number.NaN } of told.air.filter(({ state }) => state === 'buffering')) {
          const start = told.clauses.find((clause) => clause.start > at)?.start ?? Number.NaN;
          expect(Math.abs(at + etaMs - start)).toBeLessThanOrEqual(0.15 * etaMs + GRAIN);
        }
        for (const [at, { start, known }] of told.clauses.entries()) {
          const before = told.clauses[at - 1];
          // How long a wait for a voice will be that is still being made nobody knows.
          const from = Math.max(known, before ? before.start + before.frames * MS_PER_FRAME : 0);
          const said = told.air.some((event) => event.state === 'buffering' && event.at < start && event.at >= from - GRAIN);
          if (start - from > 2 * GRAIN) expect(said).toBe(true);
        }
      }),
      { numRuns: 100 },
    ),
  );

  it(
    'that waver don’t stall while they keep what they were said to take, and are not waited for much longer',
    { timeout: 120_000 },
    async () => {
      let [kept, all] = [0, 0];
      await fc.assert(
        fc.asyncProperty(
          renderer,
          clauses,
          voiceRtf,
          fc.constantFrom(0.03, 0.1, 0.3),
          fc.nat(1_000),
          async (made, lengths, voice, jitter, seed) => {
            const told = await simulate({
              ...made,
              clauses: lengths,
              expectedRtf: made.rtf,
              takes: (index, frames) => usual(made)(frames) * (1 + jitter * wobble(seed, index)),
              voiceRtf: voice,
              pace: learned(made, { jitter, seed }),
            });
            expectWhole(told, { clauses: lengths });
            const starts = soonest(made, told.clauses);
            for (const [at, { frames, late, start, kept: isKept }] of told.clauses.entries()) {
              all += 1;
              if (!isKept) continue;
              kept += 1;
              expect(late).toBe(0);
              // What may waver is all that is drawn until the clause's end, not only the wait for it.
              const caution = 2 * jitter * (starts[at]! + frames * MS_PER_FRAME + usual(made)(made.windowFrames));
              expect(start).toBeLessThanOrEqual(1.05 * starts[at]! + caution + GRAIN);
            }
          },
        ),
        { numRuns: 150 },
      );
      // Two standard deviations: it is the exception that more is taken.
      expect(kept / all).toBeGreaterThan(0.85);
    },
  );

  it(
    'that break their pace, fail, or wait for a slow voice cost pictures at most: no sound is lost or said twice, and it is told why',
    { timeout: 120_000 },
    () =>
      fc.assert(
        fc.asyncProperty(
          renderer,
          clauses,
          fc.double({ min: 0.01, max: 2, noNaN: true }),
          fc.record({
            factor: fc.double({ min: 0.2, max: 6, noNaN: true }),
            from: fc.nat(12),
            every: fc.integer({ min: 1, max: 5 }),
          }),
          fc.option(fc.nat(8)),
          fc.constantFrom('prompt' as const, 'smooth' as const),
          async (made, lengths, voice, { factor, from, every }, failsAt, prefer) => {
            const told = await simulate({
              ...made,
              clauses: lengths,
              expectedRtf: made.rtf,
              takes: (index, frames) => usual(made)(frames) * (index >= from && index % every === 0 ? factor : 1),
              voiceRtf: voice,
              prefer,
              ...(failsAt === null ? {} : { failsAt }),
            });
            expectWhole(told, { clauses: lengths });
            for (const { reason } of told.air.filter(({ state }) => state === 'degraded'))
              expect(reason).toMatch(/renderer|pictures|voice/);
            if (told.clauses.some(({ late, kept }) => late > 30 && !kept))
              expect(told.air.map(({ state }) => state)).toContain('degraded');
          },
        ),
        { numRuns: 150 },
      ),
  );

  it(
    'are waited for once, when an utterance without pauses is preferred, and for half a minute at most',
    { timeout: 120_000 },
    () =>
      fc.assert(
        fc.asyncProperty(renderer, clauses, voiceRtf, async (made, lengths, voice) => {
          const scene = {
            ...made,
            clauses: lengths,
            expectedRtf: made.rtf,
            voiceRtf: voice,
            takes: (_: number, frames: number) => usual(made)(frames),
          };
          const smooth = await simulate({ ...scene, prefer: 'smooth', pace: learned(made) });
          const prompt = await simulate({ ...scene, prefer: 'prompt', pace: learned(made) });
          expectWhole(smooth, scene);
          expect([smooth.stalls, lateIn(smooth)]).toEqual([0, 0]);
          const frames = lengths.reduce((sum, length) => sum + length, 0);
          const start = smooth.clauses[0]!.start;
          const limit = Math.max(30_000, prompt.clauses[0]!.start) + GRAIN;
          expect(start).toBeLessThanOrEqual(limit);
          // What isn't known yet when it starts can't be reckoned with.
          const isKnown = smooth.clauses.every(({ known }) => known <= start - 2 * GRAIN);
          if (isKnown && start < limit - 2 * GRAIN) {
            expect(smooth.spokenFor).toBeLessThanOrEqual(frames * MS_PER_FRAME + GRAIN);
            const end = prompt.clauses.at(-1)!.start + prompt.clauses.at(-1)!.frames * MS_PER_FRAME;
            expect(start + frames * MS_PER_FRAME).toBeLessThanOrEqual(1.05 * end + GRAIN);
          }
        }),
        { numRuns: 80 },
      ),
  );
});
