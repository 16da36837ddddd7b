import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { createLog } from '#base/log.ts';
import { watchEventLoop } from './event-loop.ts';

test('a block is told once, with its length; short ones and what comes after the end are not', async () => {
  const clock = new VirtualClock();
  const told: number[] = [];
  const log = createLog('warn', { write: (line) => told.push((JSON.parse(line) as { blockedMs: number }).blockedMs) });
  const stop = watchEventLoop(clock, log);
  await clock.advance(1_000);
  clock.block(300);
  await clock.advance(1_000);
  clock.block(600);
  await clock.advance(1_000);
  expect(told).toEqual([500]);
  stop();
  clock.block(5_000);
  await clock.advance(1_000);
  expect(told).toEqual([500]);
});
