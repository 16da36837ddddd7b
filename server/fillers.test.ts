import { expect, test } from 'vitest';
import { fillersIn, nextFiller } from './fillers.ts';

test('each language has several, and none follows itself', () => {
  for (const language of ['en', 'de-AT', 'ZH-Hant', 'ja']) {
    const fillers = fillersIn(language);
    expect(fillers.length).toBeGreaterThanOrEqual(3);
    let last: string | undefined;
    const heard = new Set<string>();
    for (let n = 0; n < 6; n += 1) {
      const next = nextFiller(fillers, last);
      expect(next).not.toBe(last);
      heard.add((last = next ?? ''));
    }
    expect(heard.size).toBe(fillers.length);
  }
});

test('a language that nobody has written any for has none', () => {
  expect(fillersIn('fi')).toEqual([]);
  expect(nextFiller([], undefined)).toBeUndefined();
});
