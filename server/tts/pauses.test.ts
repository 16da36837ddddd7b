import fc from 'fast-check';
import { expect, it } from 'vitest';
import { withPauses } from './pauses.ts';

const PAUSES = { hush: 10, before: 3, after: 4 };

async function* cut(samples: readonly number[], sizes: readonly number[]): AsyncGenerator<Int16Array, void> {
  let at = 0;
  for (const size of sizes) yield Int16Array.from(samples.slice(at, (at += size)));
  yield Int16Array.from(samples.slice(at));
}

const heard = async (samples: readonly number[], sizes: readonly number[] = []): Promise<number[]> =>
  (await Array.fromAsync(withPauses(cut(samples, sizes), PAUSES))).flatMap((part) => [...part]);

it('shortens the silence around sound, and keeps the pauses within', async () => {
  expect(await heard([1, 2, 3, 4, 5, 90, 0, 0, 0, 0, 0, 0, -80, 6, 5, 4, 3, 2, 1])).toEqual([
    ...[3, 4, 5],
    ...[90, 0, 0, 0, 0, 0, 0, -80],
    ...[6, 5, 4, 3],
  ]);
});

it('fills up a short end, but adds nothing to a short beginning', async () => {
  expect(await heard([1, 50, 2])).toEqual([1, 50, 2, 0, 0, 0]);
});

it('makes nothing of silence', async () => {
  expect(await heard([])).toEqual([]);
  expect(await heard([1, 2, -10, 10], [1, 2])).toEqual([]);
});

it('passes sound on before its end is known', async () => {
  const sound = (async function* () {
    yield Int16Array.of(0, 0, 70, 80, 1);
    await new Promise(() => undefined);
  })();
  const { value } = await withPauses(sound, PAUSES).next();
  expect(value).toEqual(Int16Array.of(0, 0, 70, 80));
});

it('keeps all from the first loud sample to the last, however it is cut', async () => {
  const sample = fc.oneof(fc.integer({ min: -10, max: 10 }), fc.integer({ min: -99, max: 99 }));
  await fc.assert(
    fc.asyncProperty(fc.array(sample), fc.array(fc.nat({ max: 5 })), async (samples, cuts) => {
      const first = samples.findIndex((value) => Math.abs(value) > PAUSES.hush);
      const last = samples.findLastIndex((value) => Math.abs(value) > PAUSES.hush);
      const end = [...samples.slice(last + 1), 0, 0, 0, 0].slice(0, PAUSES.after);
      const expected = first < 0 ? [] : [...samples.slice(Math.max(0, first - PAUSES.before), last + 1), ...end];
      expect(await heard(samples, cuts)).toEqual(expected);
    }),
  );
});
