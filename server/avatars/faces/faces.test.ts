import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AT_REST } from '#base/expression.ts';
import { i420Bytes } from '#base/media.ts';
import { Face } from '#server/render/portrait/face.ts';
import { REST } from '#server/render/portrait/mouth.ts';
import { findAvatar } from '../catalogue.ts';
import { hasOneFace } from './faces.ts';

const never = new AbortController().signal;
const SIZE = { width: 512, height: 512 };
let folder: string;
let theo: string;

/** FFmpeg's picture of pictures. */
async function made(name: string, inputs: readonly string[], filter: string): Promise<string> {
  const path = join(folder, name);
  await execa('ffmpeg', [
    '-v',
    'error',
    ...inputs.flatMap((input) => ['-i', input]),
    '-filter_complex',
    filter,
    '-frames:v',
    '1',
    path,
  ]);
  return path;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faces-'));
  theo = join(folder, 'theo.png');
  const face = await Face.create(findAvatar('theo'), SIZE);
  const picture = new Uint8Array(i420Bytes(SIZE));
  face.draw({ idleFrame: 0, blend: AT_REST, mouth: REST }, picture);
  const raw = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', '512x512', '-i', 'pipe:0'];
  await execa('ffmpeg', ['-v', 'error', ...raw, theo], { input: picture });
});
afterAll(() => rm(folder, { recursive: true }));

test('one face is known, and so is one with a small one behind it', async () => {
  expect(await hasOneFace(await made('one.png', [theo], 'pad=1024:1024:256:256:0x9db7cc'), never)).toBe(true);
  const behind = 'pad=1024:1024:256:256:0x9db7cc[a];[1]scale=150:150[b];[a][b]overlay=20:20';
  expect(await hasOneFace(await made('behind.png', [theo, theo], behind), never)).toBe(true);
});

async function plain(folder: string): Promise<string> {
  const path = join(folder, 'plain.png');
  await execa('ffmpeg', [
    '-v',
    'error',
    '-f',
    'lavfi',
    '-i',
    'gradients=s=512x512:c0=0x806040:c1=0x405080',
    '-frames:v',
    '1',
    path,
  ]);
  return path;
}

test('two faces are refused', async () => {
  const two = await made('two.png', [theo, theo], '[0]hflip[a];[a][1]hstack');
  await expect(hasOneFace(two, never)).rejects.toMatchObject({
    code: 'bad_request',
    message: expect.stringMatching(/2 faces/) as string,
  });
});

test('where no face is known nothing is said about it', async () => {
  expect(await hasOneFace(await plain(folder), never)).toBe(false);
});

test('ends when it is not wanted any more', async () => {
  const abort = new AbortController();
  const looking = hasOneFace(theo, abort.signal);
  setTimeout(() => abort.abort(), 300);
  await expect(looking).rejects.toMatchObject({ name: 'AbortError' });
});
