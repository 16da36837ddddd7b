import { expect, test } from 'vitest';
import { fitted } from './viewfinder.ts';

test('an image is made smaller to fit, never larger, in its own proportions', () => {
  expect(fitted(1_920, 1_080, 1_280)).toEqual({ width: 1_280, height: 720 });
  expect(fitted(1_080, 2_400, 1_024)).toEqual({ width: 461, height: 1_024 });
  expect(fitted(640, 480, 1_024)).toEqual({ width: 640, height: 480 });
  expect(fitted(5_000, 2, 1_280)).toEqual({ width: 1_280, height: 1 });
});
