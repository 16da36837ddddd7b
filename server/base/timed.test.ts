import { expect, it } from 'vitest';
import { sleep, VirtualClock, type Clock } from './clock.ts';
import { timed } from './timed.ts';

const PATIENCE = { first: 1_000, between: 300, whole: 2_000 };

/** One item after each pause, ms. */
async function* paced(pauses: readonly number[], clock: Clock): AsyncGenerator<number> {
  for (const [n, ms] of pauses.entries()) {
    await sleep(clock, ms);
    yield n;
  }
}

async function run(pauses: readonly number[], readerMs = 0): Promise<{ got: number; limit: string | undefined }> {
  const clock = new VirtualClock();
  let got = 0;
  const reading = (async () => {
    for await (const _ of timed(paced(pauses, clock), PATIENCE, clock, new AbortController().signal)) {
      got += 1;
      await sleep(clock, readerMs);
    }
  })().then(
    () => 'ended',
    (error: unknown) => (error as { limit: string }).limit,
  );
  for (let n = 0; n < 200; n += 1) await clock.advance(100);
  const end = await reading;
  return { got, limit: end === 'ended' ? undefined : end };
}

it('is patient until a limit is reached: the first item, the next one, all of them', async () => {
  expect(await run([900, 200, 200])).toEqual({ got: 3, limit: undefined });
  expect(await run([1_100])).toEqual({ got: 0, limit: 'first' });
  expect(await run([900, 200, 400])).toEqual({ got: 2, limit: 'between' });
  expect(await run(Array.from({ length: 20 }, () => 200))).toEqual({ got: 9, limit: 'whole' });
});

it('does not count the time its reader takes', async () => {
  expect(
    await run(
      Array.from({ length: 8 }, () => 100),
      900,
    ),
  ).toEqual({ got: 8, limit: undefined });
});

it('ends quietly when it is aborted', async () => {
  const clock = new VirtualClock();
  const abort = new AbortController();
  const reading = Array.fromAsync(timed(paced([100, 500], clock), PATIENCE, clock, abort.signal));
  await clock.advance(150);
  abort.abort();
  expect(await reading).toEqual([0]);
});
