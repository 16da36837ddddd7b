import { deepStrictEqual, equal, ok, rejects, throws } from 'node:assert/strict';
import { describe, it } from 'vitest';
import { i420Bytes, type Size, type VideoFrame } from '#base/media.ts';
import { collect } from '#test/fixtures/collect.ts';
import { decodeByFfmpeg } from '#test/fixtures/decode-by-ffmpeg.ts';
import { movingPicture, psnr } from '#test/fixtures/moving-picture.ts';
import { IdleLoop } from './idle-loop.ts';
import { difference, thumbnail } from './thumbnails.ts';

const SIZE = { width: 128, height: 128 };
const FRAMES = 75;
const original = (frame: number, size: Size = SIZE): VideoFrame => movingPicture(size, frame / FRAMES);

async function* loop(frames: number, size: Size = SIZE): AsyncGenerator<VideoFrame> {
  for (let frame = 0; frame < frames; frame += 1) yield original(frame, size);
}

const never = new AbortController().signal;

async function withLoop(use: (idle: IdleLoop) => Promise<void>): Promise<void> {
  const idle = await IdleLoop.build(loop(FRAMES), SIZE, never);
  try {
    await use(idle);
  } finally {
    await idle.close();
  }
}

const alike = (picture: VideoFrame, frame: number): boolean => psnr(picture, original(frame)) > 32;

async function next(pictures: AsyncGenerator<VideoFrame, void>): Promise<VideoFrame> {
  const { value } = await pictures.next();
  ok(value);
  return value;
}

describe('IdleLoop', () => {
  it('starts each second with an IDR and plays on seamlessly when its packets go round', () =>
    withLoop(async (idle) => {
      equal(idle.frames, FRAMES);
      const keyframes = Array.from({ length: FRAMES }, (_, frame) => frame).filter((frame) => idle.packet(frame).keyframe);
      deepStrictEqual(keyframes, [0, 25, 50]);
      equal(idle.packet(FRAMES + 3), idle.packet(3));
      equal(idle.packet(-1), idle.packet(FRAMES - 1));
      const sent = Array.from({ length: 2 * FRAMES }, (_, frame) => idle.packet(frame + 25).data);
      const { raw, complaints } = await decodeByFfmpeg(
        Buffer.concat(sent),
        ['-f', 'h264'],
        ['-f', 'rawvideo', '-fps_mode', 'passthrough'],
      );
      deepStrictEqual({ frames: raw.length / i420Bytes(SIZE), complaints }, { frames: 2 * FRAMES, complaints: '' });
    }));

  it('decodes any frame, in any order, and at the same time', () =>
    withLoop(async (idle) => {
      const frames = [60, 3, 4, 74, 0, 25, 24, 24, 23, 49];
      const pictures = await Promise.all(frames.map((frame) => idle.picture(frame)));
      deepStrictEqual(
        pictures.map((picture, index) => alike(picture, frames[index] ?? 0)),
        frames.map(() => true),
      );
      ok(!alike(pictures[0]!, 40), 'the comparison tells frames apart');
    }));

  it('reads on round the end, for several readers', () =>
    withLoop(async (idle) => {
      const [late, early] = [idle.pictures(FRAMES - 3), idle.pictures(10)];
      for (let step = 0; step < 8; step += 1) {
        ok(alike(await next(late), FRAMES - 3 + step), `late, step ${step}`);
        ok(alike(await next(early), 10 + step), `early, step ${step}`);
      }
      await late.return();
      ok(alike(await next(early), 18), 'one reader stops, the other goes on');
      await early.return();
    }));

  it('finds the frame nearest to a pose', () =>
    withLoop(async (idle) => {
      const all = Array.from({ length: FRAMES }, (_, frame) => frame);
      for (const frame of [0, 17, 50, 74]) {
        deepStrictEqual(idle.nearest(original(frame), all), { frame, error: 0 });
        equal(idle.nearest(await idle.picture(frame), all).frame, frame, 'as decoded, too');
      }
      const { frame, error } = idle.nearest(original(40), [0, 25, 43, 50]);
      equal(frame, 43);
      equal(error, difference(thumbnail(original(40)), thumbnail(original(43))));
      throws(() => idle.nearest(original(0), []), /without any candidate/);
    }));

  it('measures its own motion', () =>
    withLoop(async (idle) => {
      const step = difference(thumbnail(original(0)), thumbnail(original(1)));
      ok(idle.motion.usual > step / 2 && idle.motion.usual < step * 2, `${idle.motion.usual} against ${step}`);
      const still = await IdleLoop.build(repeat(original(0), 25), SIZE, never);
      equal(still.motion.usual, 0);
      await still.close();
    }));

  it('holds packets and thumbnails, not pictures: 12 s in under 3 MB', async () => {
    const size = { width: 512, height: 512 };
    const frames = 300;
    const before = memory();
    const idle = await IdleLoop.build(loop(frames, size), size, never);
    const packets = new Set(Array.from({ length: frames }, (_, frame) => idle.packet(frame).data.buffer));
    const held = [...packets].reduce((sum, { byteLength }) => sum + byteLength, 0) + frames * 1024;
    ok(held < 3e6, `${held} bytes`);
    const grown = (memory() - before) / 2 ** 20;
    // Raw, these pictures are 112 MiB.
    ok(grown < 40, `${grown.toFixed(0)} MiB`);
    await idle.close();
  });

  it('asks for a whole number of seconds, of the right size', async () => {
    await rejects(
      IdleLoop.build(loop(30), SIZE, never),
      /has 30 frames; it must be a whole number of seconds \(a multiple of 25/,
    );
    await rejects(IdleLoop.build(loop(0), SIZE, never), /has 0 frames/);
    await rejects(IdleLoop.build(loop(25), { width: 64, height: 64 }, never), /128×128 px.*64×64 px/);
    await rejects(IdleLoop.build(repeat(original(0), Infinity), SIZE, never), /goes on after 3000 frames/);
  });

  it('stops building when aborted, and passes failures of its source on', async () => {
    const abort = new AbortController();
    async function* aborted(): AsyncGenerator<VideoFrame> {
      yield original(0);
      abort.abort();
      yield original(1);
    }
    await rejects(IdleLoop.build(aborted(), SIZE, abort.signal), { name: 'AbortError' });
    async function* failing(): AsyncGenerator<VideoFrame> {
      yield original(0);
      throw new Error('the renderer broke');
    }
    await rejects(IdleLoop.build(failing(), SIZE, never), /the renderer broke/);
  });

  it('closes its readers with it', async () => {
    const idle = await IdleLoop.build(loop(25), SIZE, never);
    const reader = idle.pictures(0);
    await reader.next();
    await idle.close();
    await idle.close();
    await rejects(reader.next(), /closed/);
    await rejects(idle.picture(0), /closed/);
    ok(idle.packet(0).keyframe, 'packets stay readable for whoever still sends them');
  });

  it('comes back from its bytes as it was, and from no others', () =>
    withLoop(async (idle) => {
      const bytes = idle.save();
      const loaded = IdleLoop.load(bytes, SIZE);
      ok(loaded);
      equal(loaded.frames, FRAMES);
      equal(loaded.motion.usual, idle.motion.usual);
      deepStrictEqual(loaded.packet(30), idle.packet(30));
      ok(alike(await loaded.picture(40), 40));
      await loaded.close();
      equal(IdleLoop.load(bytes, { width: 64, height: 64 }), undefined);
      equal(IdleLoop.load(bytes.subarray(0, bytes.length / 2), SIZE), undefined);
      equal(IdleLoop.load(Buffer.from('no idle loop'), SIZE), undefined);
    }));
});

async function* repeat(picture: VideoFrame, times: number): AsyncGenerator<VideoFrame> {
  for (let frame = 0; frame < times; frame += 1) yield picture;
}

function memory(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
