import { expect, it } from 'vitest';
import { LossWatch } from './loss-watch.ts';

it('calls a network lossy at the third request within two seconds, and no other', () => {
  const watch = new LossWatch();
  const at = [0, 1_000, 2_100, 3_500, 4_000, 4_050, 9_000];
  expect(at.map((now) => watch.requested(now))).toEqual([false, false, false, false, true, true, false]);
});
