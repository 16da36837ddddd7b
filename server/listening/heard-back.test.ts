import { expect, it } from 'vitest';
import { HeardBack } from './heard-back.ts';
import { wordsOf } from './words.ts';

function others(text: string, ...said: string[]): string {
  const heardBack = new HeardBack();
  for (const clause of said) heardBack.said(clause);
  return heardBack.others(wordsOf(text)).join(' ');
}

const SAID = ['It is sunny and warm in Paris today,', 'with a little wind from the west.'];

it.each([
  'it is sunny and warm in paris today with a little wind',
  'sunny and warm in paris',
  'today with a little win',
  'sunny in paris today with little wind from west',
  'it is sunny an worm in paris today with a little',
])('knows "%s" for its own', (text) => {
  expect(others(text, ...SAID)).toBe('');
});

it.each([
  'in paris',
  'is it sunny in london',
  'what about the wind in spain tomorrow',
  'no I mean a little town in the south of france',
])('leaves "%s" to who said it', (text) => {
  expect(others(text, ...SAID)).toBe(wordsOf(text).join(' '));
});

it('tells apart what was said into it', () => {
  expect(others('sunny and warm in paris stop', ...SAID)).toBe('stop');
  expect(others('wait sunny and warm in paris', ...SAID)).toBe('wait');
});

it('forgets what was said long ago, and knows a question', () => {
  const heardBack = new HeardBack();
  heardBack.said('one small green bottle hangs here');
  heardBack.said('la '.repeat(200) + 'do you see?');
  expect(heardBack.others(['one', 'small', 'green', 'bottle'])).toHaveLength(4);
  expect(heardBack.asked).toBe(true);
  heardBack.said('I do.');
  expect(heardBack.asked).toBe(false);
});
