import { describe, expect, it, onTestFinished } from 'vitest';
import { sleep, systemClock } from '#base/clock.ts';
import type { AvFrame } from '#base/media.ts';
import type { Llm } from '#server/llm/llm.ts';
import { Playout } from '#server/media/playout.ts';
import type { SpeechReport, StageEvents } from '#server/media/types.ts';
import { say } from '#server/speech/speak.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import type { Tts } from '#server/tts/tts.ts';
import type { GpuWorker } from '#test/support/gpu-worker.ts';
import { openFarm } from '#test/support/render-farm.ts';

const CLAUSES = ['The first of them is said.', 'The second one comes then.', 'The third is the last of all.'];
/** Frames per clause. */
const LENGTH = 50;
const RATE = 16_000;
const LEAD_MS = 50;

/** Two seconds of a tone for each clause, at once. */
const humming: Tts = {
  name: 'humming',
  rate: RATE,
  async *synthesize(clauses) {
    for await (const clause of clauses) {
      const samples = Int16Array.from({ length: (LENGTH * RATE) / 25 }, (_, at) => 8_000 * Math.sin(at / 5));
      yield { samples, rate: RATE, start: 0, clause, endOfClause: true };
    }
  },
};

/** What is said is given, not thought of. */
const mute: Llm = {
  name: 'mute',
  async *complete() {
    yield* await Promise.resolve([]);
  },
};

interface Aired {
  readonly at: number;
  readonly spoken: AvFrame | undefined;
}

/** The walk on the real clock, from text to playout, with pictures over the real link. `meanwhile` is called with each picture's instant. */
async function speak(farm: Awaited<ReturnType<typeof openFarm>>, meanwhile: (spoken: AvFrame) => void) {
  const metrics = createMetrics();
  const aired: Aired[] = [];
  const air: StageEvents['air'][0][] = [];
  const clauses: number[] = [];
  let sound = 0;
  const playout = new Playout(
    { clock: systemClock, metrics, leadMs: LEAD_MS },
    {
      sound(_, samples) {
        sound += samples?.length ?? 0;
      },
      picture(_, spoken) {
        aired.push({ at: systemClock.now(), spoken });
        if (spoken) meanwhile(spoken);
      },
      turning: () => undefined,
      clause: ({ clause }) => clauses.push(clause.index),
      clauseOver: () => undefined,
      air: (event) => air.push(event),
    },
  );
  onTestFinished(() => playout.close());
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const { frames, outlook } = say(
    CLAUSES.join(' '),
    { llm: mute, tts: humming, renderer: farm.renderer, clock: systemClock },
    {
      voice: { language: 'en' },
      request: { avatar: 'nora', idleFrame: 0 },
      signal: abort.signal,
      mark: () => undefined,
      renderFailed: (error) => air.push({ state: 'degraded', reason: `failed: ${String(error)}` }),
    },
  );
  playout.start();
  const report = await playout.play({ utteranceId: 'u', frames, outlook });
  // Its last picture is due a lead after its last sound.
  await sleep(systemClock, 4 * LEAD_MS);
  return { report, aired, air, clauses, sound };
}

/** All is said, each clause once; and each picture that is shown is that of its instant. */
function expectVoice({ report, aired, clauses, sound }: Awaited<ReturnType<typeof speak>>): void {
  const spoken: SpeechReport['spoken'] = report.spoken;
  expect(report.outcome).toBe('done');
  expect(clauses).toEqual([0, 1, 2]);
  expect(spoken.map(({ clause, complete }) => [clause.index, complete])).toEqual([0, 1, 2].map((index) => [index, true]));
  expect(sound).toBe(CLAUSES.length * LENGTH * 1_920);
  const shown = aired.flatMap((one) => one.spoken ?? []);
  expect(shown.map(({ frame }) => frame)).toEqual(Array.from({ length: CLAUSES.length * LENGTH }, (_, at) => at));
  for (const { frame, picture } of shown) if (picture) expect(picture.data[0]).toBe(frame % 200);
}

const missing = ({ aired }: Awaited<ReturnType<typeof speak>>): number[] =>
  aired.flatMap(({ spoken }) => (spoken && !spoken.picture ? spoken.frame : []));

async function farmOf(...args: Parameters<typeof openFarm>) {
  const farm = await openFarm(...args);
  onTestFinished(() => farm.close());
  return farm;
}

describe('speech whose pictures come from GPU workers', () => {
  it('has each of them while all is well', async () => {
    const spoken = await speak(await farmOf({ rtf: 0.3 }), () => undefined);
    expectVoice(spoken);
    expect(missing(spoken)).toEqual([]);
    expect(spoken.air.map(({ state }) => state)).not.toContain('degraded');
  });

  it.each(['kill', 'freeze'] as const)('goes on when its worker dies on air (%s), and gets its pictures back', async (how) => {
    const farm = await farmOf({ rtf: 0.3 });
    let second: GpuWorker | undefined;
    const spoken = await speak(farm, ({ frame }) => {
      if (frame !== 10 || second) return;
      second = farm.worker({ rtf: 0.3 });
      farm.first[how]();
    });
    expectVoice(spoken);
    expect(second?.asked.length).toBeGreaterThan(0);
    // What was drawn ahead lasts a while; then another draws on. Nothing is missing to the end.
    expect(missing(spoken).at(-1) ?? 0).toBeLessThan(3 * LENGTH - 5);
    if (how === 'kill') expect(missing(spoken).length).toBeLessThan(LENGTH);
  });

  it('goes on without pictures, and says why, when its worker dies on air and no other is there', async () => {
    const farm = await farmOf({ rtf: 0.3 });
    const spoken = await speak(farm, ({ frame }) => {
      if (frame === 10) farm.first.kill();
    });
    expectVoice(spoken);
    expect(missing(spoken).length).toBeGreaterThan(0);
    expect(spoken.air.find(({ state }) => state === 'degraded')?.reason).toMatch(
      /^the GPU worker was lost, and no GPU worker is there$|another GPU is looked for/,
    );
  });

  it('waits before each clause for a worker slower than real time, never inside one', { timeout: 60_000 }, async () => {
    const farm = await farmOf({ rtf: 1.5 });
    const spoken = await speak(farm, () => undefined);
    expectVoice(spoken);
    expect(missing(spoken).length).toBeLessThanOrEqual(3);
    const waits = spoken.air.filter(({ state }) => state === 'buffering');
    expect(waits.length).toBeGreaterThan(0);
    const instants = spoken.aired.flatMap(({ spoken: frame, at }) => (frame ? [{ at, frame }] : []));
    for (const [at, { frame, at: instant }] of instants.entries()) {
      const before = instants[at - 1];
      if (before && !frame.startOfClause) expect(instant - before.at).toBeLessThan(400);
    }
  });
});
