import fc from 'fast-check';
import { expect, it } from 'vitest';
import { continued } from './continued.ts';
import { wholeWords } from './whole-words.ts';

async function* cut(text: string, sizes: readonly number[]): AsyncGenerator<string, void> {
  let at = 0;
  for (const size of sizes) yield text.slice(at, (at += size));
  yield text.slice(at);
}

const together = async (pieces: AsyncIterable<string>): Promise<string> => (await Array.fromAsync(pieces)).join('');
const whole = (said: string, next: string, sizes: readonly number[] = []): Promise<string> =>
  together(continued(cut(next, sizes), said)).then((rest) => said + rest);

const words = fc.array(fc.stringMatching(/^[a-z]{1,6}$/), { minLength: 1, maxLength: 12 });
const sizes = fc.array(fc.nat({ max: 4 }));

it('says an answer once, however much of it comes again and however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { minLength: 2, maxLength: 12 }),
      fc.nat(),
      fc.nat(),
      sizes,
      async (all, at, back, cuts) => {
        const said = (at % (all.length - 1)) + 1;
        const from = said - (back % (said + 1));
        const given = `${all.slice(0, said).join(' ')}${back % 2 === 0 ? ' ' : ''}`;
        expect(await whole(given, all.slice(from).join(' '), cuts)).toBe(all.join(' '));
      },
    ),
  );
});

it.each([
  ['Hello there, my', 'friend.', 'Hello there, my friend.'],
  ['Hello there, my', ' friend.', 'Hello there, my friend.'],
  ['Hello there,', 'Hello there, my friend.', 'Hello there, my friend.'],
  ['Such a', 'an apple', 'Such a an apple'],
  ['I am', 'here. I am', 'I am here. I am'],
  ['Hello there', ', my friend', 'Hello there, my friend'],
  ['你好，', '我是你的朋友。', '你好，我是你的朋友。'],
  ['One is here. ', 'One is here.', 'One is here. '],
  ['One', '', 'One'],
])('%j and then %j is %j', async (said, next, all) => {
  expect(await whole(said, next)).toBe(all);
});

it('holds back only what may be half a word, and loses nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), sizes, async (text, cuts) => {
      expect(await together(wholeWords(cut(text, cuts)))).toBe(text);
    }),
  );
  await fc.assert(
    fc.asyncProperty(words, sizes, async (all, cuts) => {
      const pieces = await Array.fromAsync(wholeWords(cut(all.join(' '), cuts)));
      for (let n = 1; n < pieces.length; n += 1) expect(pieces.slice(0, n).join('')).toMatch(/^$|\s$/);
    }),
  );
  const ideographs = await Array.fromAsync(wholeWords(cut('你好吗', [1, 1])));
  expect(ideographs.filter((piece) => piece !== '')).toEqual(['你', '好', '吗']);
});
