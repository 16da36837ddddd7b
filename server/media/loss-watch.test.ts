import { expect, it } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { LossWatch } from './loss-watch.ts';

function start() {
  const clock = new VirtualClock();
  const told: string[] = [];
  const watch = new LossWatch({
    clock,
    listen: (on) => told.push(on ? 'listens' : 'rests'),
    lossy: () => told.push('lossy'),
  });
  const requestAfter = async (...waits: number[]): Promise<void> => {
    for (const ms of waits) {
      await clock.advance(ms);
      watch.requested();
    }
  };
  return { clock, told, watch, requestAfter };
}

it('calls a network lossy at the third request within two seconds, not before', async () => {
  const { told, requestAfter } = start();
  await requestAfter(0, 1_000, 1_100, 1_400);
  expect(told).toEqual([]);
  await requestAfter(500);
  expect(told).toEqual(['rests', 'lossy']);
});

it('rests then for 20 s, whatever is still told, and says so again while it lasts', async () => {
  const { clock, told, requestAfter } = start();
  await requestAfter(0, 10, 10, 10, 10, 10, 10);
  expect(told).toEqual(['rests', 'lossy']);
  await clock.advance(20_000);
  expect(told).toEqual(['rests', 'lossy', 'listens']);
  await requestAfter(0, 10, 10);
  expect(told).toEqual(['rests', 'lossy', 'listens', 'rests', 'lossy']);
});

it('listens to nothing more once it is closed', async () => {
  const { clock, told, watch, requestAfter } = start();
  await requestAfter(0, 10, 10);
  watch.close();
  await clock.advance(60_000);
  expect(told).toEqual(['rests', 'lossy']);
});
