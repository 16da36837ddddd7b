import { expect, it } from 'vitest';
import { sleep, VirtualClock } from '#base/clock.ts';
import { createLog } from '#base/log.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { Detection, type Detected } from './detection.ts';
import { FRAME_MS, SILENT_FRAME } from './framer.ts';

const VOICE = Int16Array.from({ length: 512 }, (_, at) => 8_000 * Math.sin(at));
const sayingOf = (frame: Int16Array): number => (frame === VOICE ? 1 : 0);

/** Hands over frames as time passes, each as soon as it is there, and keeps when each was told. */
function detecting(hear: (frame: Int16Array, clock: VirtualClock) => Promise<number>) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const log = createLog('warn', { write: (line) => lines.push(line) });
  const detection = new Detection(
    { hear: (frame) => hear(frame, clock), close: () => undefined },
    { clock, log, metrics: createMetrics() },
  );
  const told: (Detected & { readonly behind: number })[] = [];
  const reading = (async () => {
    for await (const frame of detection) told.push({ ...frame, behind: clock.now() - frame.at });
  })();
  const sound = async (frames: number, samples: Int16Array): Promise<void> => {
    for (let at = 0; at < frames; at += 1) {
      await clock.advance(FRAME_MS);
      await detection.push({ samples, at: clock.now(), near: true });
    }
  };
  return { clock, lines, detection, told, reading, sound };
}

/** Each answer is right, and 100 ms late. */
const lateVad = async (frame: Int16Array, clock: VirtualClock): Promise<number> => {
  await sleep(clock, 100);
  return sayingOf(frame);
};

/** Takes 50 ms for each frame of 32, one after the other. */
function slowVad() {
  let done = Promise.resolve();
  const asked: Int16Array[] = [];
  const hear = async (frame: Int16Array, clock: VirtualClock): Promise<number> => {
    asked.push(frame);
    await (done = done.then(() => sleep(clock, 50)));
    return sayingOf(frame);
  };
  return { hear, asked };
}

it('is never further behind than one answer takes, in order, however many are owed', async () => {
  const { clock, detection, told, reading, sound, lines } = detecting(lateVad);
  await sound(200, SILENT_FRAME);
  await sound(50, VOICE);
  await clock.advance(200);
  detection.end();
  await reading;
  expect(told.map(({ speech }) => speech)).toEqual([...Array<number>(200).fill(0), ...Array<number>(50).fill(1)]);
  expect(Math.max(...told.map(({ behind }) => behind))).toBeLessThan(100 + FRAME_MS);
  expect(lines).toEqual([]);
});

it('asks a detector that is too slow less, says so once, and still hears each frame', async () => {
  const { hear, asked } = slowVad();
  const { clock, detection, told, reading, sound, lines } = detecting(hear);
  await sound(400, SILENT_FRAME);
  await sound(100, VOICE);
  await clock.advance(1_000);
  detection.end();
  await reading;
  expect(told).toHaveLength(500);
  expect(told.every(({ at }, place) => place === 0 || at > (told[place - 1]?.at ?? 0))).toBe(true);
  expect(asked.length).toBeLessThan(400);
  expect(Math.max(...told.map(({ behind }) => behind))).toBeLessThan(900);
  expect(Math.max(...told.slice(100).map(({ behind }) => behind))).toBeLessThan(300);
  // The voice is noticed in time, and its end as well.
  expect(told.slice(404).every(({ speech }) => speech === 1)).toBe(true);
  expect(told.slice(0, 400).every(({ speech }) => speech === 0)).toBe(true);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/the ear is behind/);
});

it('asks about each frame again once the detector keeps up', async () => {
  let isSlow = true;
  const slow = slowVad();
  const asked: Int16Array[] = [];
  const { told, sound } = detecting((frame, clock) => {
    asked.push(frame);
    return isSlow ? slow.hear(frame, clock) : Promise.resolve(sayingOf(frame));
  });
  await sound(100, SILENT_FRAME);
  isSlow = false;
  await sound(50, SILENT_FRAME);
  asked.length = 0;
  await sound(40, VOICE);
  expect(asked).toHaveLength(40);
  expect(told.at(-1)?.speech).toBe(1);
  expect(told.at(-1)?.behind).toBeLessThanOrEqual(FRAME_MS);
});

it('fails with the detector, in its turn, and takes no more', async () => {
  const frames: number[] = [];
  const { detection, reading, sound, told } = detecting(() =>
    frames.push(1) > 2 ? Promise.reject(new Error('gone')) : Promise.resolve(0),
  );
  const failing = expect(reading).rejects.toThrow('gone');
  await sound(3, SILENT_FRAME);
  await failing;
  expect(told).toHaveLength(2);
  expect(await detection.push({ samples: SILENT_FRAME, at: 0, near: true })).toBe(false);
});
