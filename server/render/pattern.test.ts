import { describe, expect, it } from 'vitest';
import { beepAt } from '#base/beep.ts';
import { systemClock, VirtualClock } from '#base/clock.ts';
import type { DrawnFrame, VideoFrame, Window } from '#base/media.ts';
import { buzz, collect } from '#test/contract/renderer.contract.ts';
import { patternRenderer, type PatternOptions } from './pattern.ts';

const request = { avatar: 'nora', idleFrame: 0 };
const signal = new AbortController().signal;

function draw(windows: number, options: Partial<PatternOptions> = {}): Promise<DrawnFrame[]> {
  const renderer = patternRenderer({ clock: systemClock, freshFrames: 10, size: { width: 320, height: 288 }, ...options });
  return collect(renderer.render(buzz(renderer.geometry, windows), request, signal));
}

const luma = ({ width, data }: VideoFrame, x: number, y: number): number => data[y * width + x] ?? NaN;

describe('the test card', () => {
  it('flashes for one frame at each whole second, and is dark in the middle otherwise', async () => {
    const frames = await draw(6);
    const lit = frames.filter(({ picture }) =>
      [
        [113, 97],
        [207, 191],
        [160, 144],
      ].every(([x = 0, y = 0]) => luma(picture, x, y) === 235),
    );
    expect(lit.map(({ frame }) => frame)).toEqual([0, 25, 50]);
    const dark = frames.filter(({ picture }) => luma(picture, 160, 144) === 16);
    expect(dark).toHaveLength(frames.length - lit.length);
  });

  it('beeps on exactly those frames: 40 ms of 1 kHz', () => {
    const beeping = Array.from({ length: 80 }, (_, frame) => frame).filter((frame) => beepAt(frame) !== undefined);
    expect(beeping).toEqual([0, 25, 50, 75]);
    const beep = beepAt(25);
    expect(beep).toHaveLength(1_920);
    const rises = beep?.reduce((count, sample, at) => count + Number(sample >= 0 && (beep[at - 1] ?? -1) < 0), 0);
    expect(rises).toBe(40);
  });

  it("leaves the stage's frame number its place, and moves", async () => {
    const [first, second] = await draw(1);
    if (!first || !second) throw new Error('no frames');
    for (let y = 0; y < 32; y += 1) {
      expect(new Set(second.picture.data.subarray(y * 320, y * 320 + 256))).toEqual(new Set([16]));
    }
    const below = (picture: VideoFrame): Uint8Array => picture.data.subarray(320 * 250, 320 * 288);
    expect(Buffer.compare(below(first.picture), below(second.picture))).not.toBe(0);
  });

  it('goes on from the idle frame that was on air', async () => {
    const renderer = patternRenderer({ clock: systemClock });
    const idle = await collect(renderer.idle('nora', signal));
    const speech = await collect(renderer.render(buzz(renderer.geometry, 1), { avatar: 'nora', idleFrame: 45 }, signal));
    for (const at of [1, 4, 5, 12]) {
      expect(Buffer.compare(speech[at]?.picture.data ?? Buffer.of(), idle[(45 + at) % idle.length]?.data ?? Buffer.of())).toBe(0);
    }
  });

  it('refuses a size it has no room in', () => {
    expect(() => patternRenderer({ clock: systemClock, size: { width: 280, height: 512 } })).toThrow(/at least 288/);
    expect(() => patternRenderer({ clock: systemClock, size: { width: 513, height: 512 } })).toThrow(/even/);
  });
});

describe('its faults', () => {
  it('drops the same even share each time', async () => {
    const kept = (await draw(10, { drop: 0.25 })).map(({ frame }) => frame);
    expect(kept).toHaveLength(75);
    expect(kept.slice(0, 6)).toEqual([0, 1, 2, 4, 5, 6]);
    expect((await draw(10, { drop: 0.25 })).map(({ frame }) => frame)).toEqual(kept);
    expect(await draw(2, { drop: 1 })).toEqual([]);
  });

  it('draws as slowly as it is told, and slower from a window on', async () => {
    const clock = new VirtualClock();
    const at: number[] = [];
    const renderer = patternRenderer({
      clock,
      freshFrames: 10,
      size: { width: 320, height: 288 },
      rtf: 1.5,
      later: { rtf: 4, from: 3 },
    });
    const drawing = (async () => {
      for await (const { frame } of renderer.render(buzz(renderer.geometry, 4), request, signal))
        if (frame % 10 === 0) at.push(clock.now());
    })();
    for (let passed = 0; passed < 5_000; passed += 100) {
      // Each picture takes a turn of the loop.
      for (let turn = 0; turn < 20; turn += 1) await clock.advance(0);
      await clock.advance(100);
    }
    await drawing;
    expect(renderer.expectedRtf).toBe(1.5);
    expect(at).toEqual([600, 1_200, 2_800, 4_400]);
  });

  it('fails after so many windows, with what they drew already out', async () => {
    const renderer = patternRenderer({ clock: systemClock, freshFrames: 10, failAfter: 2 });
    const drawn: number[] = [];
    const reading = (async () => {
      for await (const { frame } of renderer.render(buzz(renderer.geometry, 5), request, signal)) drawn.push(frame);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'render_failed' });
    expect(drawn).toHaveLength(20);
  });

  it.each([
    ['rtf', { rtf: 3 }, 1_200],
    ['delayMs', { delayMs: 500 }, 500],
    ['both', { rtf: 0.5, delayMs: 100 }, 300],
  ])('takes its time: %s', async (_name, options, perWindowMs) => {
    const clock = new VirtualClock();
    const renderer = patternRenderer({ clock, freshFrames: 10, ...options });
    const times: number[] = [];
    const reading = (async () => {
      for await (const _frame of renderer.render(buzz(renderer.geometry, 3), request, signal)) times.push(clock.now());
    })();
    for (let at = 0; at < 3; at += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(perWindowMs - 1);
      expect(times).toHaveLength(10 * at);
      await clock.advance(1);
      await expect.poll(() => times.length).toBe(10 * (at + 1));
    }
    await reading;
    expect(times.at(-1)).toBe(3 * perWindowMs);
  });

  it('stops waiting when aborted', async () => {
    const abort = new AbortController();
    const renderer = patternRenderer({ clock: new VirtualClock(), delayMs: 1_000_000 });
    const windows: AsyncIterable<Window> = buzz(renderer.geometry, 2);
    const reading = collect(renderer.render(windows, request, abort.signal));
    setImmediate(() => {
      abort.abort();
    });
    expect(await reading).toEqual([]);
  });
});
