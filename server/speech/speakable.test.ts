import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { speakable } from './speakable.ts';

describe('speakable', () => {
  it.each([
    ['It is **very** _nice_, `really`.', 'It is very nice, really.'],
    ['## A title', 'A title'],
    ['- an item', 'an item'],
    ['2. Pears', '2, Pears'],
    ['> quoted', 'quoted'],
    ['See [the docs](https://example.com/a/b).', 'See the docs.'],
    ['Go to https://www.example.com/docs?x=1.', 'Go to example dot com slash docs.'],
    ['http://localhost:3000 works', 'localhost port 3000 works'],
    ['https://example.com/a-very-long-path/that/nobody/wants/to/hear', 'example dot com'],
    ['Mail me.too@example.org, please', 'Mail me dot too at example dot org, please'],
    ['Set OPENAI_API_KEY first', 'Set OPENAI API KEY first'],
    ['Well done! 🎉👩‍👩‍👧', 'Well done!'],
    ['50% of 1,000 & 3.14', '50 percent of 1000 and 3.14'],
    ['It is 20 °C, or €5', 'It is 20 degrees Celsius, or 5 euros'],
    ['2 + 2 = 4', '2 plus 2 equals 4'],
    ['a *b* c * d', 'a b c d'],
    ['“Yes,” she said — don’t.', '“Yes,” she said — don’t.'],
    ['<b>bold</b>', 'bold'],
  ])('%j is said %j', (text, said) => expect(speakable(text)).toBe(said));

  it.each(['🎉', '---', '***', '…', '👍🏽 !', '```', '', '| |'])('%j is not said at all', (text) =>
    expect(speakable(text)).toBe(''),
  );

  it('leaves the words of other languages alone', () => {
    expect(speakable('Das kostet 50 % & mehr: 1,000', 'de-DE')).toBe('Das kostet 50 % & mehr: 1,000');
    expect(speakable('你好，**世界**。', 'zh')).toBe('你好，世界。');
    expect(speakable('مرحبا، كيف حالك؟', 'ar')).toBe('مرحبا، كيف حالك؟');
  });

  it('loses no plain word, whatever it is wrapped in', () => {
    const word = fc.constantFrom('apple', 'Berlin', 'été', '你好', 'שלום', '42');
    const wrapped = fc.tuple(word, fc.constantFrom('', '*', '**', '`', '__', '~~', '"', '(')).map(([text, mark]) => ({
      text,
      written: mark === '(' ? `(${text})` : `${mark}${text}${mark}`,
    }));
    fc.assert(
      fc.property(fc.array(wrapped, { minLength: 1 }), (words) => {
        const said = speakable(words.map(({ written }) => written).join(' '));
        expect(said.match(/[\p{L}\p{N}\p{M}]+/gu)).toEqual(words.map(({ text }) => text));
      }),
    );
  });

  it('takes any text without failing', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (text) => typeof speakable(text) === 'string'));
    expect(speakable('*a_[('.repeat(93))).toContain('a');
  });
});
