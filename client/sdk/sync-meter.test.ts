import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SyncMeter } from './sync-meter.ts';

/** Five seconds of a stage as one viewer gets it, from stage time `fromMs` on. */
function watched(fromMs: number, { eyeMs = 30, earMs = 30, wander = 0, pageMs = 123_456 } = {}): SyncMeter {
  const meter = new SyncMeter();
  const at = (stageMs: number): number => stageMs - fromMs + pageMs;
  for (let frame = 0; frame < 125; frame += 1) {
    const stageMs = fromMs + frame * 40;
    // The screen shows a picture at its next refresh.
    meter.picture((stageMs * 90) % 2 ** 32, at(stageMs) + eyeMs + ((frame * 7) % 17) - 8);
  }
  for (let ms = 3; ms < 5_000; ms += 47) {
    const packet = Math.floor((fromMs + ms) / 20) * 20;
    const half = fromMs + ms - packet >= 10 ? 10 : 0;
    meter.sound((packet * 48) % 2 ** 32, at(packet) + half + earMs + (wander * ms) / 5_000);
  }
  return meter;
}

it('tells how much later than its picture a sound is heard, the way from the jitter buffer to the ear included', () => {
  expect(watched(60_000).take(30)).toEqual({ offsetMs: 44.5, samples: 51 });
  expect(watched(60_000, { earMs: -14.5 }).take(30)?.offsetMs).toBeCloseTo(0, 1);
  expect(watched(60_000, { eyeMs: 130 }).take(0)?.offsetMs).toBeCloseTo(-85.5, 1);
});

it('tells the same at any hour of any day: both RTP timestamps wrap, at different hours', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100 * 86_400 * 25 }), fc.integer({ min: -900, max: 900 }), (frame, earMs) => {
      expect(watched(frame * 40, { earMs }).take(0)?.offsetMs).toBeCloseTo(earMs - 15.5, 0);
    }),
  );
  for (const bits of [2 ** 32 / 90, 2 ** 32 / 48]) {
    const fromMs = Math.floor(bits / 40) * 40 - 2_000;
    expect(watched(fromMs).take(30)?.offsetMs).toBeCloseTo(44.5, 0);
  }
});

it('says nothing while the jitter buffer moves, and nothing of too little', () => {
  expect(watched(60_000, { wander: 30 }).take(30)).toBeUndefined();
  const meter = watched(60_000);
  expect(meter.take(30)).toBeDefined();
  expect(meter.take(30)).toBeUndefined();
  meter.picture(0, 0);
  meter.sound(0, 0);
  expect(meter.take(30)).toBeUndefined();
});

it('counts a sound once that is told twice, so that a stream that stands still tells nothing', () => {
  const meter = new SyncMeter();
  for (let frame = 0; frame < 125; frame += 1) {
    meter.picture(frame * 3_600, frame * 40);
    meter.sound(4_800, 100);
  }
  expect(meter.take(30)).toBeUndefined();
});
