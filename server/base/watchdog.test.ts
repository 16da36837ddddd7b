import { expect, test } from 'vitest';
import { VirtualClock } from './clock.ts';
import { Watchdog } from './watchdog.ts';

function guard(patience = 500) {
  const clock = new VirtualClock();
  const bites: number[] = [];
  const seen = { stuck: true };
  const dog = new Watchdog({
    clock,
    suspicious: () => seen.stuck,
    patience: () => patience,
    bite: () => bites.push(clock.now()),
  });
  return { clock, bites, seen, dog };
}

test('bites what looks stuck for as long as its patience lasts, once', async () => {
  const { clock, bites, dog } = guard();
  await clock.advance(2_000);
  expect(bites).toEqual([]);
  dog.watch();
  dog.watch();
  await clock.advance(5_000);
  expect(bites).toEqual([2_500]);
});

test('a sign of life begins its patience anew, and so does a look that finds nothing', async () => {
  const { clock, bites, seen, dog } = guard();
  dog.watch();
  await clock.advance(450);
  dog.calm();
  await clock.advance(350);
  seen.stuck = false;
  await clock.advance(100);
  seen.stuck = true;
  await clock.advance(450);
  expect(bites).toEqual([]);
  await clock.advance(100);
  expect(bites).toEqual([1_400]);
});

test('time in which nobody could be heard is one look, however long it was', async () => {
  const { clock, bites, dog } = guard();
  dog.watch();
  clock.block(60_000);
  await clock.advance(350);
  expect(bites).toEqual([]);
});

test('stopped, it never bites', async () => {
  const { clock, bites, dog } = guard();
  dog.watch();
  await clock.advance(450);
  dog.stop();
  await clock.advance(5_000);
  expect(bites).toEqual([]);
});
