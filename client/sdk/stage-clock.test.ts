import { expect, it } from 'vitest';
import { StageClock } from './stage-clock.ts';

/** A clock that shows what it is told. */
function steppedClock() {
  const time = { ms: 5_000 };
  return { time, clock: new StageClock(() => time.ms) };
}

it('knows nothing before it is told', () => {
  const { clock } = steppedClock();
  expect(clock.released).toBeUndefined();
  expect(clock.heard()).toBeUndefined();
});

it('counts frames from where the server looked, half a round trip ago', () => {
  const { time, clock } = steppedClock();
  const sentMs = clock.nowMs;
  time.ms += 80;
  clock.sync({ frame: 1_000, fps: 25, epochMs: 0 }, sentMs);
  expect(clock.released).toBeCloseTo(1_001.5);
  time.ms += 400;
  expect(clock.released).toBeCloseTo(1_011.5);
  expect(clock.heard()).toBeCloseTo(1_009.5);
});

it('does not need the wall clocks to agree once it has looked', () => {
  const { clock } = steppedClock();
  clock.begin({ epochMs: 0, fps: 25 }, 3_600_000);
  expect(clock.released).toBeCloseTo(90_000);
  clock.sync({ frame: 50, fps: 25, epochMs: 0 }, clock.nowMs);
  expect(clock.released).toBeCloseTo(50.5);
  clock.begin({ epochMs: 0, fps: 25 }, 3_600_000);
  expect(clock.released).toBeCloseTo(50.5);
});

it('believes the playlist about what is playing over HLS', () => {
  const { clock } = steppedClock();
  clock.begin({ epochMs: 1_000_000, fps: 25 }, 1_010_000);
  expect(clock.heard(1_007_600)).toBeCloseTo(190);
});

it('takes what is seen for what is heard, whatever the way of the pictures takes, and over the end of 32 bits', () => {
  for (const first of [1_000, 1_193_040]) {
    const { time, clock } = steppedClock();
    clock.sync({ frame: first, fps: 25, epochMs: 0 }, clock.nowMs);
    for (let n = 0; n < 20; n += 1) {
      time.ms += 40;
      // 130 ms behind, one of them late on its way.
      clock.picture(((first + n - 2.25) * 3_600) % 2 ** 32, time.ms + (n === 10 ? 35 : 0));
    }
    expect(clock.released).toBeCloseTo(first + 20.5);
    expect(clock.heard()).toBeCloseTo(first + 20.5 - 3.75);
    time.ms += 5_000;
    expect(clock.heard()).toBeCloseTo(first + 145.5 - 2);
  }
});
