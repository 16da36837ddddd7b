import { expect, test } from 'vitest';
import { isSaid, spokenText } from './spoken.ts';

const clause = (text: string) => ({ index: 0, text });
const cut = (text: string, heard: number, words?: [string, number, number][]) =>
  spokenText([
    {
      clause: clause(text),
      complete: false,
      heard,
      length: 1_000,
      ...(words ? { words: words.map(([text, start, end]) => ({ text, start, end })) } : {}),
    },
  ]);

/** The last word takes most of the time. */
const WORDS: [string, number, number][] = [
  ['Well,', 50, 100],
  ['it’s', 120, 180],
  ['extraordinarily', 200, 900],
];

test.each([
  [40, ''],
  [80, 'Well…'],
  [119, 'Well…'],
  [170, 'Well, it’s…'],
  [500, 'Well, it’s…'],
  [600, 'Well, it’s extraordinarily…'],
])('with the times of its words a clause cut at %i ends with the last one whose middle was heard: %s', (heard, text) => {
  expect(cut('Well, it’s extraordinarily simple.', heard, [...WORDS, ['simple.', 900, 1_000]])).toBe(text);
});

test.each([
  [0, ''],
  [300, 'one two…'],
  [620, 'one two three four…'],
  [990, 'one two three four five six…'],
])('without times, %i of 1,000 ticks are so many letters: %s', (heard, text) => {
  expect(cut('one two three four five six.', heard)).toBe(text);
});

test('times that reach less far than what was heard, and words that are not the text’s, are not believed', () => {
  expect(cut('one two three four five six.', 620, [['one', 0, 100]])).toBe('one two three four…');
  expect(cut('one two three four five six.', 620, [['eleven', 0, 900]])).toBe('one two three four…');
});

test('in scripts without spaces it is cut at a character', () => {
  expect(cut('今日はとても良い天気です。', 500)).toMatch(/^今日はとても良?…$/);
});

test('whole clauses are whole, and one of which nothing was heard is not there', () => {
  const spoken = [
    { clause: clause('First one. '), complete: true, heard: 500, length: 500 },
    { clause: clause('Second one.'), complete: false, heard: 5, length: 500 },
  ];
  expect(spokenText(spoken)).toBe('First one.');
  expect(spokenText([{ clause: clause('Nobody says how far.'), complete: false }])).toBe('Nobody says how far…');
});

test('the same words are the same, however they are written', () => {
  expect(isSaid('What time is it?', 'what  time is it')).toBe(true);
  expect(isSaid('Was ist Über?', 'was ist über')).toBe(true);
  expect(isSaid('it is five', 'it is nine')).toBe(false);
});
