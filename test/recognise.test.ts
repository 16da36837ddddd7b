import { execa } from 'execa';
import { expect, it } from 'vitest';
import { recognise, wordsHeard } from './recognise.ts';

/** Longer than the 127 characters that ffmpeg writes of a line into a file. */
const LONG =
  'the weather is nice today and my brother plays the guitar every evening after dinner while the children are walking to school with their teacher';
const WORDS = 'what is the weather like in paris today';

const flite = (...output: string[]): Promise<Buffer> => say(WORDS, ...output);

const say = async (text: string, ...output: string[]): Promise<Buffer> => {
  const { stdout } = await execa(
    'ffmpeg',
    ['-v', 'error', '-f', 'lavfi', '-i', `flite=text=${text}:voice=slt`, ...output, 'pipe:1'],
    {
      encoding: 'buffer',
    },
  );
  return Buffer.from(stdout);
};

it('hears the words in raw samples of any rate', async () => {
  expect(await recognise(await flite('-f', 's16le'), 16_000)).toBe(WORDS);
  expect(await recognise(await flite('-f', 's16le', '-ar', '48000'), 48_000)).toBe(WORDS);
});

it('hears them in what a browser records', async () => {
  expect(await recognise(await flite('-ac', '2', '-c:a', 'libopus', '-b:a', '64k', '-f', 'webm'))).toBe(WORDS);
});

it('hears a long sentence to its end', async () => {
  const heard = await recognise(await say(LONG, '-f', 's16le'), 16_000);
  expect(heard).toMatch(/with their teacher$/);
  expect(heard.length).toBeGreaterThan(127);
});

it('hears nothing in silence', async () => {
  expect(await recognise(Buffer.alloc(32_000), 16_000)).toBe('');
});

it.each([
  ['One, two, three.', 'one two three', 3],
  ['One, two, three.', 'well one and three', 2],
  ['One, two, three.', 'three two one', 1],
  ['One, two, three.', '', 0],
])('of %s counts in "%s" the words that came in order: %i', (said, heard, count) => {
  expect(wordsHeard(said, heard)).toBe(count);
});

it('fails on what is not sound', async () => {
  await expect(recognise(Buffer.from('no sound at all'))).rejects.toThrow(/Invalid data/);
});
