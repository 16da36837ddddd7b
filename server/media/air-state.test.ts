import { beforeEach, describe, expect, it } from 'vitest';
import { AirState } from './air-state.ts';
import type { StageEvents } from './types.ts';

describe('what is told of an utterance on air', () => {
  let said: StageEvents['air'][0][];
  let air: AirState;
  const show = (count: number, whole: boolean): void => {
    for (let i = 0; i < count; i += 1) air.shown('u', whole, () => 'too slow');
  };

  beforeEach(() => {
    said = [];
    air = new AirState((event) => said.push(event));
  });

  it('a short pause is no news; a longer one is, each second and when it is off by a fifth', () => {
    air.waiting('u', undefined, 0);
    air.waiting('u', 150, 0);
    expect(said).toEqual([]);
    for (let now = 0; now < 4_000; now += 40) air.waiting('u', (now < 2_500 ? 5_000 : 8_000) - now, now);
    air.speaking('u');
    expect(said.map(({ state, etaMs }) => [state, etaMs])).toEqual([
      ['buffering', 5_000],
      ['buffering', 4_000],
      ['buffering', 3_000],
      ['buffering', 5_480],
      ['buffering', 4_480],
      ['speaking', undefined],
    ]);
  });

  it('a wait without an end that is known is told with what is waited for, each second', () => {
    for (let now = 0; now < 2_000; now += 40) air.waiting('u', undefined, now, 'no GPU worker is there');
    air.waiting('u', 3_000, 2_000, 'the next free GPU is for this answer');
    expect(said.map(({ etaMs, reason }) => [etaMs, reason])).toEqual([
      [undefined, 'no GPU worker is there'],
      [undefined, 'no GPU worker is there'],
      [3_000, 'the next free GPU is for this answer'],
    ]);
  });

  it('a few missing pictures are no news; more are, with the reason, until a second of them was there', () => {
    air.speaking('u');
    show(4, false);
    show(1, true);
    show(4, false);
    expect(said.map(({ state }) => state)).toEqual(['speaking']);
    show(1, false);
    show(24, true);
    show(9, false);
    expect(said.slice(1)).toEqual([{ state: 'degraded', reason: 'too slow', utteranceId: 'u' }]);
    show(25, true);
    air.over('u');
    air.speaking('u');
    expect(said.map(({ state }) => state)).toEqual(['speaking', 'degraded', 'speaking', 'idle', 'speaking']);
  });
});
