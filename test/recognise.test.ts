import { execa } from 'execa';
import { expect, it } from 'vitest';
import { recognise } from './recognise.ts';

const WORDS = 'what is the weather like in paris today';

const flite = async (...output: string[]): Promise<Buffer> => {
  const { stdout } = await execa(
    'ffmpeg',
    ['-v', 'error', '-f', 'lavfi', '-i', `flite=text=${WORDS}:voice=slt`, ...output, 'pipe:1'],
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

it('hears nothing in silence', async () => {
  expect(await recognise(Buffer.alloc(32_000), 16_000)).toBe('');
});

it('fails on what is not sound', async () => {
  await expect(recognise(Buffer.from('no sound at all'))).rejects.toThrow(/Invalid data/);
});
