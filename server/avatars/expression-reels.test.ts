import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock, type Clock } from '#base/clock.ts';
import { reel } from '#base/expression.ts';
import { silentLog } from '#base/log.ts';
import type { Renderer } from '#server/render/renderer.ts';
import { movingPicture } from '#test/fixtures/moving-picture.ts';
import { ExpressionReels, isExpressive } from './expression-reels.ts';

const SIZE = { width: 64, height: 64 };
/** What waits goes on at once. */
const hastyClock: Clock = {
  ...systemClock,
  at(_at, fire) {
    const next = setImmediate(fire);
    return () => clearImmediate(next);
  },
};
const LENGTH = reel().length;
let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'reels-'))));
afterEach(() => rm(folder, { recursive: true }));

/** Draws the reel, whole or not, of a face that looks like `look`, and counts what it draws. */
function countingRenderer(length = LENGTH, look = 0) {
  const drawn = { pictures: 0 };
  const renderer = {
    name: 'counting',
    geometry: { ...SIZE, freshFrames: 4, overlapFrames: 0 },
    async *expressions(_avatar: string, signal: AbortSignal) {
      for (let frame = 0; frame < length && !signal.aborted; frame += 1) {
        drawn.pictures += 1;
        yield await Promise.resolve(movingPicture(SIZE, look + frame / LENGTH));
      }
    },
  } as unknown as Renderer;
  if (!isExpressive(renderer)) throw new Error('it draws expressions');
  return { drawn, renderer };
}

const open = (renderer: ReturnType<typeof countingRenderer>['renderer']): ExpressionReels =>
  new ExpressionReels({ renderer, folder, clock: hastyClock, log: silentLog });

test('a reel is drawn and encoded once, for all who ask, and read from the disk after the next start', async () => {
  const { renderer, drawn } = countingRenderer();
  const reels = open(renderer);
  expect(reels.of('nora')).toBeUndefined();
  await Promise.all([reels.prepare('nora'), reels.prepare('nora')]);
  await reels.prepare('nora');
  const made = reels.of('nora');
  expect(made?.frames).toBe(LENGTH);
  expect(reel().map(({ keyframe }, frame) => made?.packet(frame).keyframe === keyframe)).not.toContain(false);
  // A few more to know the face by.
  expect(drawn.pictures).toBeLessThan(LENGTH + 10);
  await reels.close('over');

  const again = countingRenderer();
  const later = open(again.renderer);
  await later.prepare('nora');
  expect(later.of('nora')?.packet(700)).toEqual(made?.packet(700));
  expect(again.drawn.pictures).toBeLessThan(10);
  await later.close('over');
});

test('a face that looks different has its reel made anew', async () => {
  for (const look of [0, 0.3]) {
    const reels = open(countingRenderer(LENGTH, look).renderer);
    await reels.prepare('nora');
    await reels.close('over');
  }
  expect(await readdir(folder)).toHaveLength(2);
});

test('one that was not drawn to its end is none, and is tried again', async () => {
  const reels = open(countingRenderer(LENGTH - 1).renderer);
  await reels.prepare('nora');
  expect(reels.of('nora')).toBeUndefined();
  expect(await readdir(folder)).toEqual([]);
  await reels.close('over');
});
