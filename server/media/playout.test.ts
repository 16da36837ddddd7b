import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { TICKS_PER_FRAME, type AvFrame } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import { Queue } from '#base/queue.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { Playout, type PlayoutSinks } from './playout.ts';
import type { ClauseOnAir, Speech } from './types.ts';

const picture = { width: 2, height: 2, data: new Uint8Array(6) };

/** A speech of clauses with the given lengths in frames, all drawn beforehand unless `drawn` says less. */
function speechOf(
  clauses: number[],
  { drawn = Infinity, rtf = 0.1 } = {},
): Speech & { closed: () => boolean; frames: AsyncGenerator<AvFrame> } {
  const outlook = new Outlook(rtf);
  const frames: AvFrame[] = [];
  clauses.forEach((length, index) => {
    for (let i = 0; i < length; i += 1) {
      const frame = frames.length;
      frames.push({
        frame,
        sound: new Int16Array(TICKS_PER_FRAME).fill(frame + 1),
        clause: { index, text: `clause ${String(index)}` },
        startOfClause: i === 0,
        endOfClause: i === length - 1,
        picture: frame < drawn ? picture : undefined,
      });
      outlook.hear(TICKS_PER_FRAME, i === length - 1);
    }
  });
  outlook.ended = true;
  outlook.draw(Math.min(drawn, frames.length));
  let closed = false;
  async function* read() {
    try {
      for (const frame of frames) yield await Promise.resolve(frame);
    } finally {
      closed = true;
    }
  }
  return { utteranceId: 'u1', frames: read(), outlook, closed: () => closed };
}

type Heard = { at: number; ticks: number; value: number | undefined; samples: Int16Array | undefined; belongsAt: number };
type Seen = { at: number; frame: number; spoken: number | undefined; overdue: boolean };

async function onAir(leadMs = 50, startMs = 1_000.25) {
  const clock = new VirtualClock(startMs);
  const metrics = createMetrics();
  const heard: Heard[] = [];
  const seen: Seen[] = [];
  const clauses: ClauseOnAir[] = [];
  const over: number[] = [];
  const turns: string[] = [];
  const sinks: PlayoutSinks = {
    sound: (ticks, samples, belongsAt) =>
      heard.push({ at: clock.now(), ticks, value: samples?.[0], samples: samples?.slice(), belongsAt }),
    picture: (frame, spoken, overdue) => seen.push({ at: clock.now(), frame, spoken: spoken?.frame, overdue }),
    turning: (frame, to) => turns.push(`${to}@${String(frame)}`),
    clause: (clause) => clauses.push(clause),
    clauseOver: ({ clause }) => over.push(clause.index),
    air: () => undefined,
  };
  const playout = new Playout({ clock, metrics, leadMs }, sinks);
  playout.start();
  await clock.advance(0);
  return { clock, metrics, heard, seen, clauses, over, turns, playout, epoch: startMs + leadMs };
}

describe('playout', () => {
  it('never drifts: hours later each frame and sound is due on the very instant', async () => {
    const stage = await onAir(50, 864_000_000.125);
    await stage.clock.advance(2 * 3_600_000);
    expect(stage.seen.length).toBe(2 * 3_600 * 25 - 1);
    for (const { at, frame } of stage.seen) expect(Math.abs(at - (stage.epoch + frame * 40))).toBeLessThan(1e-6);
    for (const { at, ticks } of stage.heard) expect(Math.abs(at - (stage.epoch + ticks / 48 - 50))).toBeLessThan(1e-6);
    stage.playout.close();
  });

  it.each([0, 50, 130])('hands each sound over %i ms before its own picture', async (leadMs) => {
    const stage = await onAir(leadMs);
    await stage.clock.advance(400);
    const report = stage.playout.play(speechOf([20, 5]));
    await stage.clock.advance(3_000);
    expect(await report).toMatchObject({ outcome: 'done', spoken: [{ complete: true }, { complete: true }] });
    const spoken = stage.seen.filter((one) => one.spoken !== undefined);
    expect(spoken.map((one) => one.spoken)).toEqual(Array.from({ length: 25 }, (_, i) => i));
    for (const one of spoken) {
      const sounds = stage.heard.filter((sound) => sound.value === (one.spoken ?? 0) + 1);
      expect(sounds.map((sound) => sound.ticks)).toEqual([one.frame * 1_920, one.frame * 1_920 + 960]);
      expect(one.at - (sounds[0]?.at ?? 0)).toBeCloseTo(leadMs, 6);
    }
    expect(stage.clauses.map((clause) => [clause.startFrame, clause.endFrame])).toEqual([
      [spoken[0]?.frame, (spoken[0]?.frame ?? 0) + 20],
      [(spoken[0]?.frame ?? 0) + 20, (spoken[0]?.frame ?? 0) + 25],
    ]);
    expect(stage.over).toEqual([0, 1]);
    expect(stage.turns).toEqual([`speech@${String(spoken[0]?.frame)}`, `idle@${String((spoken[0]?.frame ?? 0) + 25)}`]);
    stage.playout.close();
  });

  it.each([0, 3, 31, 47, 57, 70, 133, 250])(
    'with a lead of %i ms: packets stay on their grid, and each sample of the voice is heard with its own picture, once',
    async (lead) => {
      const stage = await onAir();
      stage.playout.lead(lead);
      await stage.clock.advance(1_000);
      expect(stage.playout.leadMs).toBe(lead);
      const [first, second] = [stage.playout.play(speechOf([20, 5])), () => stage.playout.play(speechOf([3]))];
      await stage.clock.advance(600);
      stage.playout.lead(50);
      await stage.clock.advance(2_000);
      await first;
      void second();
      await stage.clock.advance(1_000);
      for (const { at, ticks } of stage.heard) expect(at).toBeCloseTo(stage.epoch + ticks / 48 - 50, 6);
      const voice = new Map<number, number>();
      for (const { samples, belongsAt, ticks } of stage.heard) {
        const leadMs = 50 + (belongsAt - ticks) / 48;
        if (samples) expect(leadMs).toBe(ticks < 48 * 3_200 ? lead : 50);
        samples?.forEach((sample, at) => {
          if (sample === 0) return;
          expect(voice.has(belongsAt + at)).toBe(false);
          voice.set(belongsAt + at, sample);
        });
      }
      const spoken = stage.seen.filter((one) => one.spoken !== undefined);
      expect(spoken).toHaveLength(28);
      expect(voice.size).toBe(28 * TICKS_PER_FRAME);
      for (const { frame, spoken: value = 0 } of spoken)
        for (const at of [0, 959, 960, 1_919]) expect(voice.get(frame * TICKS_PER_FRAME + at)).toBe(value + 1);
      stage.playout.close();
    },
  );

  it.each([50, 57, 43])(
    'with a lead of %i ms is silent and idle within one frame of a cut, with a fade instead of a click, and closes the walk',
    async (lead) => {
      const stage = await onAir();
      stage.playout.lead(lead);
      await stage.clock.advance(100);
      const speech = speechOf([200]);
      const report = stage.playout.play(speech);
      await stage.clock.advance(1_000);
      const { heard, seen } = stage;
      const [sounds, pictures] = [heard.length, seen.length];
      stage.playout.cut();
      await stage.clock.advance(500);
      const [before, faded] = [heard[sounds - 1], heard[sounds]];
      // Frame n of the speech is n + 1 all through, and the fade goes on from where it was.
      expect((faded?.value ?? 0) - (before?.samples?.at(-1) ?? 0)).toBeOneOf([0, 1]);
      expect(faded?.samples?.at(-1)).toBe(0);
      expect(heard.slice(sounds + 1).every((sound) => sound.value === undefined)).toBe(true);
      expect(seen.slice(pictures).every((one) => one.spoken === undefined)).toBe(true);
      expect(await report).toMatchObject({ outcome: 'interrupted', spoken: [{ complete: false }] });
      expect(speech.closed()).toBe(true);
      stage.playout.close();
    },
  );

  it('finishes the clause on air when drained', async () => {
    const stage = await onAir();
    const report = stage.playout.play(speechOf([30, 30]));
    await stage.clock.advance(400);
    stage.playout.drain();
    await stage.clock.advance(3_000);
    expect(await report).toMatchObject({ outcome: 'interrupted', spoken: [{ complete: true }] });
    expect(stage.seen.filter((one) => one.spoken !== undefined)).toHaveLength(30);
    stage.playout.close();
  });

  it.each([
    { name: 'until it may go on', goOnAfter: 700 },
    { name: 'until the hold is over', goOnAfter: undefined },
  ])('held, ends the clause on air and begins no other, $name', async ({ goOnAfter }) => {
    const stage = await onAir();
    const report = stage.playout.play(speechOf([30, 30]));
    await stage.clock.advance(400);
    stage.playout.hold(2_000);
    await stage.clock.advance(goOnAfter ?? 100);
    if (goOnAfter !== undefined) stage.playout.hold(0);
    const released = goOnAfter === undefined ? 2_400 : 400 + goOnAfter;
    await stage.clock.advance(5_000);
    expect((await report).outcome).toBe('done');
    const spoken = stage.seen.filter((one) => one.spoken !== undefined);
    expect(spoken.map((one) => one.spoken)).toEqual(Array.from({ length: 60 }, (_, frame) => frame));
    const [last, next] = [spoken[29]?.frame ?? 0, spoken[30]?.frame ?? 0];
    // Frame numbers count from the epoch, and each is decided a lead before it is due.
    const expected = goOnAfter === undefined ? Math.ceil(released / 40) : last + 1;
    expect(next).toBe(expected);
    stage.playout.close();
  });

  it('keeps the voice whole when the event loop was blocked: sounds catch up, old pictures are marked overdue', async () => {
    const stage = await onAir();
    void stage.playout.play(speechOf([100]));
    await stage.clock.advance(400);
    stage.clock.block(400);
    await stage.clock.advance(5_000);
    const voice = stage.heard.filter((sound) => sound.value !== undefined);
    expect(voice).toHaveLength(200);
    for (let i = 1; i < voice.length; i += 1) expect((voice[i]?.ticks ?? 0) - (voice[i - 1]?.ticks ?? 0)).toBe(960);
    expect(stage.seen.filter((one) => one.overdue).length).toBeGreaterThanOrEqual(8);
    stage.playout.close();
  });

  it('waits for a slow renderer before the clause, and counts no stall while its rate holds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.3, max: 8, noNaN: true }),
        fc.array(fc.integer({ min: 5, max: 60 }), { minLength: 1, maxLength: 4 }),
        async (rtf, clauses) => {
          const stage = await onAir();
          const whole = speechOf(clauses, { drawn: 0, rtf });
          const all: AvFrame[] = [];
          for await (const frame of whole.frames) all.push(frame);
          const queue = new Queue<AvFrame>(1_000);
          for (const frame of all) await queue.push(frame);
          queue.end();
          const report = stage.playout.play({ utteranceId: 'u', frames: queue, outlook: whole.outlook });
          for (const frame of all) {
            await stage.clock.advance(40 * rtf);
            frame.picture = picture;
            whole.outlook.draw(1);
            whole.outlook.measure(1, 40 * rtf);
          }
          await stage.clock.advance(all.length * 40 + 1_000);
          expect((await report).outcome).toBe('done');
          const spoken = stage.seen.filter((one) => one.spoken !== undefined);
          expect(spoken).toHaveLength(all.length);
          expect((await stage.metrics.playoutStalls.get()).values[0]?.value ?? 0).toBe(0);
          // Inside a clause frame follows frame; pauses fall only where a clause starts.
          for (let i = 1; i < spoken.length; i += 1) {
            const gap = (spoken[i]?.frame ?? 0) - (spoken[i - 1]?.frame ?? 0);
            if (!all[i]?.startOfClause) expect(gap).toBe(1);
          }
          stage.playout.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  it('tells a clause that ran dry again when it goes on, with times that are that much later', async () => {
    const stage = await onAir();
    const { frames, outlook } = speechOf([30]);
    const queue = new Queue<AvFrame>(100);
    const all = await Array.fromAsync(frames);
    for (const frame of all.slice(0, 12)) await queue.push(frame);
    void stage.playout.play({ utteranceId: 'u', frames: queue, outlook });
    await stage.clock.advance(1_200);
    for (const frame of all.slice(12)) await queue.push(frame);
    queue.end();
    await stage.clock.advance(2_000);
    const spoken = stage.seen.filter((one) => one.spoken !== undefined);
    expect(spoken).toHaveLength(30);
    const [begun = 0, wentOn = 0] = [0, 12].map((at) => spoken[at]?.frame);
    expect(wentOn - begun).toBeGreaterThan(15);
    expect(stage.clauses.map(({ startFrame }) => startFrame)).toEqual([begun, wentOn - 12]);
    expect(stage.turns).toEqual([
      `speech@${begun}`,
      `idle@${begun + 12}`,
      `speech@${wentOn}`,
      `idle@${begun + 30 + wentOn - begun - 12}`,
    ]);
    stage.playout.close();
  });

  it('closes for good: nothing is released any more and what was on air is reported', async () => {
    const stage = await onAir();
    const report = stage.playout.play(speechOf([50]));
    await stage.clock.advance(500);
    stage.playout.close();
    const count = stage.seen.length;
    await stage.clock.advance(1_000);
    expect(stage.seen.length).toBe(count);
    expect((await report).outcome).toBe('interrupted');
  });
});
