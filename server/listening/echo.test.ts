import { beforeAll, describe, expect, it } from 'vitest';
import { sentences } from '#test/fixtures/acoustics.ts';
import { play, type Scene } from '#test/fixtures/echo-scene.ts';
import { EchoGuard } from './echo.ts';

let base: Omit<Scene, 'delays' | 'seed'>;
let eight: readonly Float64Array[];
let person: readonly Float64Array[];

beforeAll(async () => {
  const [avatar, other] = await Promise.all([sentences('slt'), sentences('kal', 4)]);
  eight = avatar;
  base = { seconds: 10, avatar: avatar.slice(0, 4), echoDb: -6, rt60: 0.3 };
  person = other;
});

/** Means of what was judged, from a frame on. */
function mean(values: readonly number[], from = 0): number {
  const counted = values.slice(from);
  return counted.reduce((sum, value) => sum + value, 0) / counted.length;
}

describe('the avatar’s own voice in the microphone', { timeout: 60_000 }, () => {
  it.each([
    [-6, 50, 0.2],
    [-12, 400, 0.4],
    [-20, 200, 0.6],
  ])('at %d dB after %d ms, in a room of %d s, interrupts nothing and is explained', async (echoDb, ms, rt60) => {
    const shares: number[] = [];
    const scene = { ...base, echoDb, rt60, delays: [{ from: 0, ms }], seed: 3 };
    const heard = await play(scene, ({ echo }) => void shares.push(echo));
    expect(heard.interrupts).toBe(0);
    expect(heard.ducks).toBeLessThanOrEqual(1);
    expect(Math.abs((heard.guard.delayMs ?? 0) - ms)).toBeLessThan(20);
    expect(mean(shares, 100)).toBeGreaterThan(0.4);
  });

  it('is found within seconds and never taken for a later or earlier one, though a vowel fits a period further, too', async () => {
    const found: number[] = [];
    const scene = { ...base, avatar: eight, rt60: 0.6, delays: [{ from: 0, ms: 400 }], seed: 57 };
    await play(scene, ({ delayMs }) => void found.push(delayMs ?? Number.NaN));
    const first = found.findIndex((ms) => !Number.isNaN(ms));
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(80);
    expect(found.slice(first).filter((ms) => !(Math.abs(ms - 400) < 20))).toEqual([]);
  });

  it('is known again when its delay changes', async () => {
    const heard = await play({
      ...base,
      delays: [
        { from: 0, ms: 120 },
        { from: 5_500, ms: 230 },
      ],
      seed: 4,
    });
    expect(heard.interrupts).toBe(0);
    expect(Math.abs((heard.guard.delayMs ?? 0) - 230)).toBeLessThan(20);
  });
});

describe('a person over it', { timeout: 60_000 }, () => {
  it.each([0, 6])('at %d dB against the echo is heard', async (personDb) => {
    const heard = await play({ ...base, delays: [{ from: 0, ms: 150 }], seed: 5, person, personDb });
    // The first comes while the room is still being learned.
    const [ducked = Infinity, ...later] = heard.duckedAfter;
    expect(ducked).toBeLessThan(1_500);
    expect(later.length).toBeGreaterThan(0);
    expect(Math.max(...later)).toBeLessThan(300);
    expect(Math.max(...heard.interruptedAfter)).toBeLessThan(2_200);
  });

  it('is heard at once where there is no echo at all', async () => {
    const heard = await play({ ...base, echoDb: -80, personDb: 60, delays: [{ from: 0, ms: 100 }], seed: 6, person });
    expect(Math.max(...heard.duckedAfter)).toBeLessThan(250);
  });
});

it('takes everything for a person while nothing was sent, and costs next to nothing', () => {
  const guard = new EchoGuard();
  const frame = Int16Array.from({ length: 512 }, (_, at) => 3_000 * Math.sin(at / 5));
  for (let at = 0; at < 20; at += 1) {
    const { echo, near, rest } = guard.judge(frame, 1_000 + at * 32);
    expect([echo, near]).toEqual([0, true]);
    expect(rest).toBe(frame);
  }
});
