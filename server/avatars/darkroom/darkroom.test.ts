import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { i420Bytes } from '#base/media.ts';
import { children } from '#test/support/processes.ts';
import { clip, picture, pixelBomb } from '../uploads.fixture.ts';
import type { FileType } from '../kinds.ts';
import { clipLength, clipPictures, develop } from './darkroom.ts';

const never = new AbortController().signal;
let folder: string;
let count = 0;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'darkroom-'))));
afterAll(() => rm(folder, { recursive: true }));

async function developed(path: string, type: FileType, signal = never): Promise<string> {
  const home = join(folder, `version-${(count += 1)}`);
  await mkdir(home);
  await develop(path, type, home, signal);
  return home;
}

const sizeOf = (path: string): string =>
  execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'stream=width,height', '-of', 'csv=p=0:s=x', path]).toString().trim();

async function put(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

/** The same JPEG, said to be turned by its camera (Exif orientation 6). */
async function turned(path: string): Promise<string> {
  const jpeg = await readFile(path);
  const exif = Buffer.from('ffe100224578696600004d4d002a00000008000101120003000000010006000000000000', 'hex');
  return put('turned.jpg', Buffer.concat([jpeg.subarray(0, 2), exif, jpeg.subarray(2)]));
}

test.each<[string, FileType]>([
  ['a.png', 'png'],
  ['a.jpg', 'jpeg'],
  ['a.webp', 'webp'],
])('%s becomes a reference picture', async (name, type) => {
  const home = await developed(await picture(folder, name), type);
  expect(await readdir(home)).toEqual(['reference.png']);
  expect(sizeOf(join(home, 'reference.png'))).toBe('640x480');
});

test('a large picture is made smaller, and one is turned as its camera says', async () => {
  const large = await developed(await picture(folder, 'large.jpg', '3000x2000'), 'jpeg');
  expect(sizeOf(join(large, 'reference.png'))).toBe('1536x1024');
  const upright = await developed(await turned(await picture(folder, 'lying.jpg')), 'jpeg');
  expect(sizeOf(join(upright, 'reference.png'))).toBe('480x640');
});

test('holes in a picture show a plain backdrop', async () => {
  const path = join(folder, 'holes.png');
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'color=red@0:s=300x300,format=rgba', '-frames:v', '1', path]);
  const home = await developed(path, 'png');
  const pixel = execFileSync('ffmpeg', [
    '-v',
    'error',
    '-i',
    join(home, 'reference.png'),
    '-f',
    'rawvideo',
    '-pix_fmt',
    'rgb24',
    '-',
  ]);
  expect([...pixel.subarray(0, 3)]).toEqual([0xd8, 0xd4, 0xd0]);
});

test('nothing but pixels is kept: what hides behind or inside a picture is gone', async () => {
  const png = await readFile(await picture(folder, 'host.png'));
  const text = Buffer.from('<script>alert(1)</script>');
  const home = await developed(await put('polyglot.png', Buffer.concat([png, Buffer.from('PK\x03\x04'), text])), 'png');
  const kept = await readFile(join(home, 'reference.png'));
  expect(kept.includes(text)).toBe(false);
  expect(kept.subarray(-12).toString('latin1')).toContain('IEND');
});

test.each(['a.mp4', 'a.webm'])('%s becomes pictures of the stage’s size and rate', async (name) => {
  const home = await developed(await clip(folder, name), name.endsWith('mp4') ? 'mp4' : 'webm');
  expect((await readdir(home)).sort()).toEqual(['clip.mp4', 'reference.png']);
  const length = await clipLength(home, never);
  expect(Math.abs(length - 75)).toBeLessThanOrEqual(1);
  const size = { width: 128, height: 64 };
  let frames = 0;
  for await (const { width, height, data } of clipPictures(home, size, never)) {
    expect([width, height, data.length]).toEqual([128, 64, i420Bytes(size)]);
    frames += 1;
  }
  expect(frames).toBe(length);
});

const refusals: [string, FileType, () => Promise<string>, RegExp][] = [
  ['a pixel bomb', 'png', () => put('bomb.png', pixelBomb(30_000, 30_000)), /30000×30000 px is too large/],
  ['one that fits the decoder but not the limits', 'png', () => put('long.png', pixelBomb(9_000, 1_000)), /9000×1000 px/],
  ['a picture too small', 'png', () => picture(folder, 'small.png', '200x300'), /200×300 px.*256/],
  ['a picture too narrow', 'png', () => picture(folder, 'narrow.png', '300x1000'), /300×1000 px.*3 times/],
  ['half a PNG', 'png', () => half('half.png'), /damaged/],
  ['half a JPEG', 'jpeg', () => half('half.jpg'), /damaged/],
  [
    'half a clip',
    'mp4',
    async () => put('half.mp4', (await readFile(await clip(folder, 'whole.mp4'))).subarray(0, 9_000)),
    /damaged/,
  ],
  ['a clip too short', 'mp4', () => clip(folder, 'short.mp4', 1), /1\.0 s; it must have 2 to 20/],
  ['a clip too long', 'mp4', () => clip(folder, 'long.mp4', 24, '256x256'), /it must have 2 to 20/],
  [
    'a head and nothing behind it',
    'png',
    () => put('head.png', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')),
    /no picture|damaged/,
  ],
  [
    'text with a head of a clip',
    'webm',
    () => put('text.webm', Buffer.from('\x1a\x45\xdf\xa3#EXTM3U\n/etc/passwd\n', 'latin1')),
    /damaged/,
  ],
];

async function half(name: string): Promise<string> {
  const bytes = await readFile(await picture(folder, name));
  return put(name, bytes.subarray(0, bytes.length / 2));
}

test.each(refusals)('%s is refused, and nothing of it is kept', async (_what, type, make, why) => {
  const path = await make();
  const home = join(folder, `version-${(count += 1)}`);
  await mkdir(home);
  await expect(develop(path, type, home, never)).rejects.toMatchObject({
    code: 'bad_request',
    message: expect.stringMatching(why) as string,
  });
  expect(await readdir(home)).toEqual([]);
});

test('leaves no child when its reader stops, or when it is not wanted any more', async () => {
  const path = await clip(folder, 'left.mp4', 10);
  const home = await developed(path, 'mp4');
  for await (const _picture of clipPictures(home, { width: 512, height: 512 }, never)) break;
  const abort = new AbortController();
  const stopped = developed(path, 'mp4', abort.signal);
  setTimeout(() => abort.abort(), 100);
  await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
  await expect.poll(() => [...children(process.pid, 'ffmpeg'), ...children(process.pid, 'ffprobe')]).toEqual([]);
});
