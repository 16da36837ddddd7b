import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { virtualHours } from '#test/support/virtual-day.ts';
import { START_LEAD, Sync } from './sync.ts';

/** A lead that is reached at once, and viewers who hear `late` ms too late without one. */
function loop() {
  const clock = new VirtualClock();
  const metrics = createMetrics();
  const moves: number[] = [];
  let lead = START_LEAD;
  const sync = new Sync({
    clock,
    metrics,
    leadMs: () => lead,
    lead: (ms) => {
      moves.push(ms);
      lead = ms;
    },
  });
  /** Everybody reports each 5 s for `seconds`: honest viewers what their timestamps tell, others what they like. */
  const pass = async (seconds: number, late: number[], lies: number[] = []): Promise<void> => {
    for (let at = 0; at < seconds; at += 5) {
      await clock.advance(5_000);
      late.forEach((ms, i) => sync.report(`honest ${i}`, ms - START_LEAD));
      lies.forEach((ms, i) => sync.report(`liar ${i}`, ms));
    }
  };
  const gauge = async () => (await metrics.avOffsetMs.get()).values[0]?.value;
  return { clock, sync, moves, pass, gauge, lead: () => lead };
}

describe('the loop between viewers and the voice', () => {
  it('brings a viewer whose sound is 40 ms late into step, and then leaves the lead alone', async () => {
    const { pass, moves, lead, gauge } = loop();
    await pass(15, [START_LEAD + 40]);
    expect(lead()).toBe(START_LEAD + 40);
    await pass(3_600, [START_LEAD + 40]);
    expect(moves).toEqual([START_LEAD + 40]);
    expect(await gauge()).toBe(0);
  });

  it('is moved by no minority of liars, whatever they say', async () => {
    const lie = fc.oneof(fc.double(), fc.integer({ min: -1_000, max: 1_000 }), fc.constantFrom(NaN, Infinity, -1e9, 1_000));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 60, max: 75 }), { minLength: 3, maxLength: 9 }),
        fc.array(lie, { maxLength: 9 }),
        async (late, lies) => {
          const { pass, lead } = loop();
          for (let round = 0; round < 4; round += 1) await pass(20, late, lies.slice(0, late.length - 1));
          expect(lead()).toBeGreaterThanOrEqual(START_LEAD);
          expect(lead()).toBeLessThanOrEqual(80);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('stays within its bounds when all viewers lie', async () => {
    const { pass, lead } = loop();
    await pass(300, [], [1_000, 900]);
    expect(lead()).toBe(250);
    await pass(300, [], [-1_000, -900]);
    expect(lead()).toBe(0);
  });

  it('takes nothing implausible for a vote, and forgets who left and who fell silent', async () => {
    const { sync, clock, gauge } = loop();
    expect(await gauge()).toBeNaN();
    for (const ms of [NaN, Infinity, -Infinity, 1_001, -5_000]) sync.report('liar', ms);
    expect(sync.status()).toEqual({ leadMs: START_LEAD, viewers: 0 });
    sync.report('a', 1);
    sync.report('b', -3);
    expect(sync.status()).toEqual({ leadMs: START_LEAD, viewers: 2, offsetMs: 1, spreadMs: 4 });
    sync.forget('a');
    expect(sync.status()).toMatchObject({ viewers: 1, offsetMs: -3 });
    await clock.advance(21_000);
    expect(sync.status()).toEqual({ leadMs: START_LEAD, viewers: 0 });
    expect(await gauge()).toBeNaN();
    sync.report('c', 1);
    expect(sync.status()).toMatchObject({ viewers: 1, offsetMs: 1 });
    expect(await gauge()).toBe(1);
    sync.close();
    expect(await gauge()).toBeNaN();
  });

  it('runs after no noise, and says how far apart sound and picture still are', async () => {
    const { sync, moves, pass } = loop();
    for (const late of [1, -1, 0.6, -1.4]) await pass(5, [START_LEAD + late]);
    expect(moves).toEqual([]);
    await pass(5, [START_LEAD + 30]);
    expect(moves).toEqual([80]);
    await pass(5, [START_LEAD + 31]);
    expect(moves).toEqual([80]);
    expect(sync.status()).toMatchObject({ leadMs: 80, offsetMs: 1 });
  });
});

describe('a stage whose lead follows its viewers', () => {
  it(
    'does not drift in a day: every picture and every sound at its instant, none left out, none twice',
    { timeout: 120_000 },
    async () => {
      const day = await virtualHours(24);
      expect(day.pictures).toBeGreaterThan(24 * 3_600 * 25 - 10);
      expect(day.worstPicture).toBeLessThan(1e-6);
      expect(day.worstSound).toBeLessThan(1e-6);
      expect(day.spoken).toBeGreaterThan(100_000);
      expect(day.gaps).toBe(0);
      expect(day.worstStepInSpeech).toBe(0);
      expect(day.leads.most - day.leads.least).toBeGreaterThan(150);
      expect(day.worstOffset).toBeLessThanOrEqual(10);
    },
  );
});
