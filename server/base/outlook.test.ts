import { expect, test } from 'vitest';
import { TICKS_PER_FRAME } from './media.ts';
import { Outlook } from './outlook.ts';
import { Pace } from './pace.ts';

/** A second of pictures takes two; its only window is known. */
function slow(): Outlook {
  const outlook = new Outlook(2, new Pace(2, 25));
  outlook.hear(25 * TICKS_PER_FRAME, true);
  return outlook;
}
const whole = 25 * TICKS_PER_FRAME;

test('speech is safe later by what its renderer has to wait, and never while nobody knows how long', () => {
  const outlook = slow();
  const safe = outlook.safeStart(0, whole, 1_000);
  outlook.wait = { until: 6_000, why: 'others are before it' };
  expect(outlook.safeStart(0, whole, 1_000)).toBeCloseTo(safe + 5_000);
  outlook.wait = { until: 500, why: 'it should have come' };
  expect(outlook.safeStart(0, whole, 1_000)).toBeCloseTo(safe);
  outlook.wait = { until: undefined, why: 'nobody is there' };
  expect(outlook.safeStart(0, whole, 1_000)).toBe(Number.POSITIVE_INFINITY);
});

test('a window that is left out is waited for no longer, and says nothing about the pace', () => {
  const outlook = slow();
  outlook.begin(0, 1_000);
  outlook.leaveOut();
  expect(outlook.drawn).toBe(whole);
  expect(outlook.safeStart(0, whole, 1_000)).toBe(Number.NEGATIVE_INFINITY);
  outlook.done(1_010);
  expect(outlook.pace.rtf).toBeCloseTo(2);
});

test('a window that is begun anew is measured from then on', () => {
  const outlook = slow();
  outlook.begin(0, 1_000);
  outlook.begin(0, 9_000);
  outlook.done(11_000);
  expect(outlook.pace.latest).toBeCloseTo(2);
});
