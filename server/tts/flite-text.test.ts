import fc from 'fast-check';
import { expect, it } from 'vitest';
import { endsSentence, isSayable, plain } from './flite-text.ts';

it.each([
  ['It’s a “naïve café” – in Łódź…', 'It\'s a "naive cafe" , in Lodz...'],
  ['Straße\n\tnumber ½', 'Strasse number 1 2'],
  ['你好', ''],
  ['a\u0000b', 'a b'],
])('reads "%s" as "%s"', (text, words) => {
  expect(plain(text)).toBe(words);
});

it('leaves only printable ASCII of any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(plain(text)).toMatch(/^[\x20-\x7e]*$/);
    }),
  );
});

it('knows what can be said, and where a sentence ends', () => {
  expect(['…', '', '- !', 'a', '7'].map(isSayable)).toEqual([false, false, false, true, true]);
  expect(['Yes.', 'Yes!"', 'Yes?)', 'yes,', 'yes'].map(endsSentence)).toEqual([true, true, true, false, false]);
});
