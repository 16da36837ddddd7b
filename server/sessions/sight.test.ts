import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import type { Still } from '#base/media.ts';
import { Sight } from './sight.ts';

const still = (n: number): Still => ({ width: 64, height: 48, jpeg: new Uint8Array([n]) });
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test('an image is there for one prompt, half a minute, and until two others have come', async () => {
  const clock = new VirtualClock();
  const sight = new Sight(true, clock);
  const one = sight.show(still(1));
  expect(one).toEqual({ imageId: one.imageId, width: 64, height: 48 });
  expect(sight.shown(one.imageId)).toEqual(still(1));
  sight.used(one.imageId);
  expect(codeOf(() => sight.shown(one.imageId))).toBe('not_found');

  const [two, three, four] = [2, 3, 4].map((n) => sight.show(still(n)).imageId) as [string, string, string];
  expect(codeOf(() => sight.shown(two))).toBe('not_found');
  expect([sight.shown(three), sight.shown(four)]).toEqual([still(3), still(4)]);
  await clock.advance(29_999);
  expect(sight.shown(four)).toEqual(still(4));
  await clock.advance(1);
  expect(codeOf(() => sight.shown(four))).toBe('not_found');
  const last = sight.show(still(5)).imageId;
  sight.close();
  expect(codeOf(() => sight.shown(last))).toBe('not_found');
});

test('the client that shows something last is asked, and its next image is the answer; the same one serves a turn that is begun again', async () => {
  const clock = new VirtualClock();
  const sight = new Sight(true, clock);
  expect(sight.look()).toBeUndefined();
  const asked: string[] = [];
  sight.open(() => asked.push('first'));
  const hide = sight.open(({ withinMs }) => asked.push(`second within ${withinMs}`));
  const [look, again] = [sight.look(), sight.look()];
  await clock.advance(300);
  sight.show(still(1));
  sight.show(still(2));
  expect([await look, await again]).toEqual([still(1), still(1)]);
  await clock.advance(2_100);
  expect(await sight.look()).toEqual(still(1));
  sight.taken();
  const next = sight.look();
  sight.taken();
  sight.show(still(3));
  expect(await next).toEqual(still(3));
  hide();
  void sight.look();
  expect(asked).toEqual(['second within 2000', 'second within 2000', 'first']);
});

test('a turn does not wait for long, nor for a session that is over', async () => {
  const clock = new VirtualClock();
  const sight = new Sight(true, clock);
  sight.open(() => undefined);
  let seen: unknown = 'waiting';
  void sight.look()?.then((found) => (seen = found));
  await clock.advance(1_999);
  expect(seen).toBe('waiting');
  await clock.advance(1);
  expect(seen).toBeUndefined();
  await clock.advance(1_000);
  const late = sight.look();
  sight.close();
  expect(await late).toBeUndefined();
  expect(sight.look()).toBeUndefined();
});

test('where the model does not see, nothing is taken', () => {
  const sight = new Sight(false, new VirtualClock());
  expect([() => sight.show(still(1)), () => sight.shown('x'), () => sight.open(() => undefined)].map(codeOf)).toEqual([
    'conflict',
    'conflict',
    'conflict',
  ]);
});
