import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Cushion, follow, losses, NO_HOLD, type Losses } from './cushion.ts';
import { Owned } from './owned.ts';

const at = (received: number, requested: number, roundTripMs = 30): Losses => ({ received, requested, roundTripMs });

describe('what is held back', () => {
  it('is nothing while nothing is lost, nor for a single packet that may only have been overtaken', () => {
    expect(follow(NO_HOLD, at(0, 0), at(150, 0), 1_000)).toEqual(NO_HOLD);
    expect(follow(NO_HOLD, at(0, 0), at(150, 1), 1_000)).toEqual(NO_HOLD);
    expect(follow(NO_HOLD, at(0, 0), at(1_000, 5), 1_000)).toEqual(NO_HOLD);
  });

  it('covers the round trip and one lost repeat, or two where much is lost, and never more than the server allows', () => {
    expect(follow(NO_HOLD, at(100, 2), at(250, 10), 1_000)).toEqual({ ms: 190, lossyAt: 1_000 });
    expect(follow(NO_HOLD, at(0, 0), at(150, 30), 1_000).ms).toBe(310);
    expect(follow(NO_HOLD, at(0, 0), at(150, 30, 700), 1_000).ms).toBe(400);
  });

  it('never shrinks in between, and ends after half a minute without losses', () => {
    const much = follow(NO_HOLD, at(0, 0), at(150, 30), 1_000);
    const less = follow(much, at(0, 0), at(150, 8), 2_000);
    expect(less).toEqual({ ms: 310, lossyAt: 2_000 });
    expect(follow(less, at(0, 0), at(150, 0), 31_000)).toEqual(less);
    expect(follow(less, at(0, 0), at(150, 0), 32_001)).toEqual(NO_HOLD);
  });
});

const report = (...stats: object[]) => new Map(stats.map((one, index) => [String(index), one])) as unknown as RTCStatsReport;
const inbound = (packetsReceived: number, nackCount: number, ssrc = 7) => ({
  type: 'inbound-rtp',
  ssrc,
  packetsReceived,
  nackCount,
});

it('counts sound and picture together, with the round trip of the path in use', () => {
  const pair = { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.04 };
  const unused = { type: 'candidate-pair', nominated: false, currentRoundTripTime: 9 };
  expect(losses(report(inbound(100, 3), inbound(50, 1, 8), inbound(9, 9, 1234), unused, pair))).toEqual(at(150, 4, 40));
});

describe('a cushion', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());
  const receiver = (kind: string) => ({ track: { kind }, jitterBufferTarget: null }) as unknown as RTCRtpReceiver;

  it('keeps the sound at one buffer; is laid under sound and picture when packets are lost, and taken away when it is calm', async () => {
    const owned = new Owned();
    const receivers = [receiver('audio'), receiver('video')];
    let counted = [inbound(0, 0)];
    const cushion = Cushion.lay(receivers, () => Promise.resolve(report(...counted)), owned);
    const targets = () => receivers.map(({ jitterBufferTarget }) => jitterBufferTarget);
    expect(targets()).toEqual([60, null]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([cushion.ms, ...targets()]).toEqual([0, 60, null]);
    counted = [inbound(150, 9)];
    await vi.advanceTimersByTimeAsync(1_250);
    const first = cushion.ms;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(80);
    expect(targets()).toEqual([first + 60, first]);
    await vi.advanceTimersByTimeAsync(750);
    expect([cushion.ms, ...targets()]).toEqual([160, 220, 160]);
    await vi.advanceTimersByTimeAsync(33_000);
    expect([cushion.ms, ...targets()]).toEqual([0, 60, null]);
    owned.close();
    counted = [inbound(300, 99)];
    await vi.advanceTimersByTimeAsync(5_000);
    expect(cushion.ms).toBe(0);
  });

  it('leaves browsers alone that have no such setting, and goes on when statistics fail', async () => {
    const owned = new Owned();
    const old = { track: { kind: 'video' } } as unknown as RTCRtpReceiver;
    let fails = true;
    const cushion = Cushion.lay(
      [old],
      () => (fails ? Promise.reject(new Error('closed')) : Promise.resolve(report(inbound(99, 9)))),
      owned,
    );
    await vi.advanceTimersByTimeAsync(1_000);
    fails = false;
    await vi.advanceTimersByTimeAsync(2_000);
    expect([cushion.ms, 'jitterBufferTarget' in old]).toEqual([160, false]);
    owned.close();
  });
});
