import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { TICKS_PER_FRAME, TICKS_PER_MS, TICKS_PER_OPUS_FRAME, type AvFrame } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { DUCKED_AT_MOST, Playout } from './playout.ts';
import type { ClauseOnAir, Speech, StageEvents } from './types.ts';

/** Words of 240 ms with 60 ms between them; where there are no gaps, one long word. */
const [WORD, GAP] = [240 * TICKS_PER_MS, 60 * TICKS_PER_MS];
const SIGNATURE = 6;

/** Noise that is nowhere the same, so that 20 ms of it tell what they are of. */
function noise(seed: number, ticks: number, gaps: boolean): Int16Array {
  let state = seed;
  return Int16Array.from({ length: ticks }, (_, at) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state / 2 ** 32 - 0.5) * (gaps && at % (WORD + GAP) >= WORD ? 100 : 20_000);
  });
}

class Voice {
  readonly sound: Int16Array;
  readonly #places = new Map<string, number>();
  readonly name: string;
  readonly #clauses: readonly number[];
  closed = false;

  constructor(seed: number, clauses: readonly number[], gaps = true) {
    this.name = `u${String(seed)}`;
    this.#clauses = clauses;
    this.sound = noise(seed, clauses.reduce((sum, frames) => sum + frames, 0) * TICKS_PER_FRAME, gaps);
    for (let at = 0; at + SIGNATURE <= this.sound.length; at += 1) this.#places.set(signature(this.sound, at), at);
  }

  /** Where in it a whole packet is from; undefined when it isn't, or not at its full level. */
  placeOf(packet: Int16Array): number | undefined {
    const at = this.#places.get(signature(packet, 0));
    const same = at !== undefined && packet.every((sample, n) => sample === (this.sound[at + n] ?? 0));
    return same ? at : undefined;
  }

  speech(): Speech {
    const outlook = new Outlook(0.1);
    const frames: AvFrame[] = this.#clauses.flatMap((length, index) =>
      Array.from({ length }, (_, i) => ({
        frame: 0,
        sound: new Int16Array(0),
        clause: { index, text: `clause ${String(index)}` },
        startOfClause: i === 0,
        endOfClause: i === length - 1,
        picture: { width: 2, height: 2, data: new Uint8Array(6) },
      })),
    );
    const numbered = frames.map((one, frame) => {
      outlook.hear(TICKS_PER_FRAME, one.endOfClause);
      return { ...one, frame, sound: this.sound.subarray(frame * TICKS_PER_FRAME, (frame + 1) * TICKS_PER_FRAME) };
    });
    outlook.ended = true;
    outlook.draw(numbered.length);
    const over = (): void => void (this.closed = true);
    async function* read() {
      try {
        for (const frame of numbered) yield await Promise.resolve(frame);
      } finally {
        over();
      }
    }
    return { utteranceId: this.name, frames: read(), outlook };
  }
}

const signature = (sound: Int16Array, at: number): string => sound.subarray(at, at + SIGNATURE).join();

interface Heard {
  readonly samples: Int16Array | undefined;
  readonly belongsAt: number;
}

async function onAir(leadMs = 50) {
  const clock = new VirtualClock(1_000.25);
  const metrics = createMetrics();
  const heard: Heard[] = [];
  const seen: { frame: number; spoken: number | undefined }[] = [];
  const clauses: ClauseOnAir[] = [];
  const air: StageEvents['air'][0]['state'][] = [];
  const turns: string[] = [];
  const playout = new Playout(
    { clock, metrics, leadMs: 50 },
    {
      sound: (_, samples, belongsAt) => heard.push({ samples: samples?.slice(), belongsAt }),
      picture: (frame, spoken) => seen.push({ frame, spoken: spoken?.frame }),
      turning: (_, to) => turns.push(to),
      clause: (clause) => clauses.push(clause),
      clauseOver: () => undefined,
      air: ({ state }) => air.push(state),
    },
  );
  playout.start();
  playout.lead(leadMs);
  await clock.advance(600);
  const bargeIns = async () => (await metrics.bargeInMs.get()).values.find((one) => one.metricName?.endsWith('sum'))?.value;
  return { clock, playout, heard, seen, clauses, air, turns, bargeIns };
}

test.each([
  { name: 'begins the word that was cut anew', gaps: true, lead: 50 },
  { name: 'begins the word that was cut anew, off the grid', gaps: true, lead: 133 },
  { name: 'goes on exactly there when nothing was quiet', gaps: false, lead: 57 },
])('ducked it is silent from the next packet on, and unducked $name', async ({ gaps, lead }) => {
  const { clock, playout, heard, seen, clauses, air, turns } = await onAir(lead);
  const voice = new Voice(1, [100], gaps);
  const report = playout.play(voice.speech());
  await clock.advance(1_000);
  const before = heard.length;
  const last = voice.placeOf(heard[before - 1]?.samples ?? new Int16Array(0)) ?? 0;
  playout.duck();
  playout.duck();
  const shown = seen.length;
  await clock.advance(600);
  const held = heard.slice(before);
  expect(held[0]?.samples?.at(-1)).toBe(0);
  expect(held.slice(1).every(({ samples }) => samples === undefined)).toBe(true);
  expect(seen.slice(shown).every(({ spoken }) => spoken === undefined)).toBe(true);
  expect(voice.closed).toBe(false);
  const resumed = heard.length;
  playout.unduck();
  await clock.advance(6_000);
  expect(await report).toMatchObject({ outcome: 'done', spoken: [{ complete: true, heard: 100 * TICKS_PER_FRAME }] });

  // Full packets before and after, by where they are from: nothing is left out, and no more than a word comes twice.
  const after = heard.slice(resumed).flatMap(({ samples, belongsAt }) => {
    const place = samples && voice.placeOf(samples);
    return place === undefined ? [] : [{ place, belongsAt }];
  });
  const fadedAt = last + TICKS_PER_OPUS_FRAME;
  const back = fadedAt - (after[0]?.place ?? 0);
  expect(back).toBeLessThanOrEqual(300 * TICKS_PER_MS);
  if (gaps) expect((fadedAt - back) % (WORD + GAP)).toBeOneOf([0, ...Array.from({ length: GAP }, (_, n) => WORD + n)]);
  else expect(back).toBeGreaterThanOrEqual(-3 * TICKS_PER_OPUS_FRAME);
  after.slice(1).forEach(({ place }, n) => expect(place - (after[n]?.place ?? 0)).toBe(TICKS_PER_OPUS_FRAME));
  expect((after.at(-1)?.place ?? 0) + 2 * TICKS_PER_OPUS_FRAME).toBeGreaterThan(voice.sound.length);
  // Each with the picture that belongs to it.
  for (const { place, belongsAt } of after) {
    const picture = seen.find(({ frame }) => frame === Math.floor(belongsAt / TICKS_PER_FRAME));
    expect(picture?.spoken).toBe(Math.floor(place / TICKS_PER_FRAME));
    expect(place % TICKS_PER_FRAME).toBe(belongsAt % TICKS_PER_FRAME);
  }
  expect(air).toEqual(['speaking', 'ducked', 'speaking', 'idle']);
  expect(turns).toEqual(['speech', 'ducked', 'speech', 'idle']);
  // The caption is told anew, as if the clause had begun later.
  expect(clauses).toHaveLength(2);
  const shift = seen.findLast(({ spoken }) => spoken === 99)?.frame ?? 0;
  expect(clauses[1]).toMatchObject({ startFrame: shift - 99, endFrame: shift + 1 });
});

test('nobody decides: after some seconds it goes on by itself', async () => {
  const { clock, playout, heard } = await onAir();
  const voice = new Voice(1, [50]);
  const report = playout.play(voice.speech());
  await clock.advance(700);
  playout.duck();
  await clock.advance(100);
  const silent = heard.length;
  await clock.advance(DUCKED_AT_MOST - 150);
  expect(heard.slice(silent).every(({ samples }) => samples === undefined)).toBe(true);
  await clock.advance(3_000);
  expect((await report).outcome).toBe('done');
});

test('interrupted while it is ducked it is over, closed, and reported up to where it was heard; what follows is heard alone', async () => {
  const { clock, playout, heard, bargeIns } = await onAir();
  const [old, next] = [new Voice(1, [20, 100]), new Voice(2, [20])];
  const speech = old.speech();
  const words = [{ text: 'clause', start: 0, end: 900 }];
  speech.outlook.spell(1, { words, length: undefined });
  const report = playout.play(speech);
  await clock.advance(1_400);
  const places = heard.flatMap(({ samples }) => (samples ? [old.placeOf(samples) ?? 0] : []));
  const onset = clock.now() - 110;
  playout.duck(onset);
  await clock.advance(300);
  expect(await bargeIns()).toBe(0);
  playout.cut(clock.now());
  const from = heard.length;
  playout.unduck();
  expect(await report).toMatchObject({
    outcome: 'interrupted',
    spoken: [
      { complete: true, heard: 20 * TICKS_PER_FRAME },
      {
        complete: false,
        words,
        length: 100 * TICKS_PER_FRAME,
        heard: (places.at(-1) ?? 0) + TICKS_PER_OPUS_FRAME - 20 * TICKS_PER_FRAME,
      },
    ],
  });
  expect(old.closed).toBe(true);
  // From the voice's onset, not from the decision.
  expect(await bargeIns()).toBeGreaterThanOrEqual(110);
  expect(await bargeIns()).toBeLessThanOrEqual(130);
  const after = playout.play(next.speech());
  await clock.advance(2_000);
  expect((await after).outcome).toBe('done');
  expect(heard.slice(from).every(({ samples }) => !samples || next.placeOf(samples) !== undefined)).toBe(true);
});

test('there is nothing to duck while nothing is on air; in a pause nothing is said twice', async () => {
  const { clock, playout, heard, air } = await onAir();
  playout.duck();
  const voice = new Voice(1, [10, 10], false);
  const speech = voice.speech();
  speech.outlook.clauseEnds.length = 1;
  const report = playout.play(speech);
  playout.hold(0);
  await clock.advance(200);
  playout.hold(1_000);
  await clock.advance(700);
  playout.duck();
  await clock.advance(100);
  playout.unduck();
  await clock.advance(2_000);
  expect((await report).outcome).toBe('done');
  const places = heard.flatMap(({ samples }) => (samples ? [voice.placeOf(samples)] : []));
  expect(places).toEqual(Array.from({ length: 40 }, (_, n) => n * TICKS_PER_OPUS_FRAME));
  expect(air.filter((state) => state === 'ducked')).toHaveLength(1);
});

test('whatever is done to them, an utterance that was cut is never heard again, and one that is not cut is heard whole, in order', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('duck' as const, 'unduck' as const) }),
    fc.record({ kind: fc.constant('cut' as const) }),
    fc.record({ kind: fc.constant('lead' as const), ms: fc.integer({ min: 0, max: 250 }) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 500 }) }),
  );
  const voices = [new Voice(11, [12, 30]), new Voice(12, [25], false), new Voice(13, [3, 3, 9])];
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.integer({ min: 0, max: 250 }), async (steps, lead) => {
      const { clock, playout, heard } = await onAir(lead);
      const said: { voice: Voice; from: number; until: number | undefined; ducks: number }[] = [];
      const play = async (): Promise<void> => {
        const voice = voices[said.length % voices.length] as Voice;
        const one = { voice, from: heard.length, until: undefined as number | undefined, ducks: 0 };
        said.push(one);
        const { outcome } = await playout.play(voice.speech());
        if (outcome === 'interrupted') one.until = heard.length + 1;
        if (said.length < voices.length) await play();
      };
      void play();
      for (const step of steps) {
        if (step.kind === 'wait') await clock.advance(step.ms);
        else if (step.kind === 'lead') playout.lead(step.ms);
        else playout[step.kind]();
        if (step.kind === 'duck') said.forEach((one) => (one.ducks += 1));
        if (step.kind === 'cut') await clock.advance(0);
      }
      await clock.advance(4 * (2_000 + DUCKED_AT_MOST));
      for (const { voice, from, until, ducks } of said) {
        const places = heard.map(({ samples }, at) => ({ at, place: samples && voice.placeOf(samples) }));
        const own = places.flatMap(({ at, place }) => (place === undefined ? [] : [{ at, place }]));
        expect(own.every(({ at }) => at >= from && at < (until ?? Infinity))).toBe(true);
        for (const [n, { place }] of own.slice(1).entries())
          expect(place - (own[n]?.place ?? 0)).toBeGreaterThan(-310 * TICKS_PER_MS);
        if (until !== undefined) continue;
        const covered = new Set(own.map(({ place }) => Math.floor(place / TICKS_PER_OPUS_FRAME)));
        expect(covered.size).toBeGreaterThanOrEqual(voice.sound.length / TICKS_PER_OPUS_FRAME - 2 - 4 * ducks);
      }
      playout.close();
    }),
    { numRuns: 40 },
  );
});
