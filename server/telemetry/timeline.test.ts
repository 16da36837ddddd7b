import { expect, it } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { Timeline } from './timeline.ts';

it('tells when each stage was reached first, in order, from the prompt', () => {
  const clock = new VirtualClock(500);
  const timeline = new Timeline(clock);
  clock.block(100.04);
  timeline.mark('firstAudio');
  timeline.mark('firstToken', 550);
  clock.block(100);
  timeline.mark('firstAudio');
  expect(timeline.stages).toEqual({ prompt: 0, firstToken: 50, firstAudio: 100 });
  expect(Object.keys(timeline.stages)).toEqual(['prompt', 'firstToken', 'firstAudio']);
  expect(timeline.since('firstAudio')).toBeCloseTo(100);
  expect(timeline.traceId).toMatch(/^[0-9a-f]{32}$/);
});

it('believes of a painted picture only what can be, and each viewer once', () => {
  const clock = new VirtualClock();
  const timeline = new Timeline(clock);
  timeline.paint('sooner than anything was sent', 0);
  clock.block(200);
  timeline.mark('firstPacket');
  clock.block(100);
  timeline.paint('before it was sent', 101);
  timeline.paint('too far ahead', -101);
  expect(timeline.painted).toBeUndefined();
  timeline.paint('slow', 10);
  timeline.paint('quick', 40);
  timeline.paint('quick', 90);
  expect(timeline.stages).toMatchObject({ firstPacket: 200, painted: 260 });
  expect(timeline.painted).toEqual({ viewers: 2, lastMs: 290 });
});
