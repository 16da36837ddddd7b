import { expect, test } from 'vitest';
import { Crowd } from './crowd.ts';

test('so many per key and no more; a place is given back once, however often one says so', () => {
  const crowd = new Crowd(2);
  const [first, second] = [crowd.enter('a'), crowd.enter('a')];
  expect([typeof first, typeof second, crowd.enter('a')]).toEqual(['function', 'function', undefined]);
  expect(crowd.enter('b')).toBeTypeOf('function');
  first?.();
  first?.();
  expect([typeof crowd.enter('a'), crowd.enter('a')]).toEqual(['function', undefined]);
});
