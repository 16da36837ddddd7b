import { expect, it } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { Seats } from './seats.ts';

it('lets in as many as there are seats, the others in their turn, and nobody for ever', async () => {
  const clock = new VirtualClock();
  const seats = new Seats(1, clock);
  const { signal } = new AbortController();
  const leave = await seats.take(1_000, signal);
  const order: string[] = [];
  const enter = async (name: string, ms: number, until = signal): Promise<void> => {
    const done = await seats.take(ms, until);
    order.push(name);
    done();
  };
  const gone = new AbortController();
  const [late, left] = [enter('late', 100), enter('left', 1_000, gone.signal)];
  const both = [enter('first', 1_000), enter('second', 1_000)];
  const failures = Promise.allSettled([late, left]);
  gone.abort();
  await clock.advance(200);
  expect((await failures).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  leave();
  await Promise.all(both);
  expect(order).toEqual(['first', 'second']);
  await seats.take(1, signal);
});
