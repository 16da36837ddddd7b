import { equal, ok } from 'node:assert/strict';
import { describe, it } from 'vitest';
import { movingPicture } from '#test/fixtures/moving-picture.ts';
import { difference, thumbnail } from './thumbnails.ts';

/** The mean of every pixel of one of the 32×32 cells. */
function cellMean(size: number, row: number, column: number): number {
  const { data } = movingPicture({ width: size, height: size }, 0);
  const cell = size / 32;
  let sum = 0;
  for (let y = row * cell; y < (row + 1) * cell; y += 1)
    for (let x = column * cell; x < (column + 1) * cell; x += 1) sum += data[y * size + x]!;
  return sum / cell ** 2;
}

describe('thumbnail', () => {
  it('is the picture made small, whatever its size', () => {
    for (const size of [32, 64, 512]) {
      const small = thumbnail(movingPicture({ width: size, height: size }, 0));
      equal(small.length, 1024);
      for (const [row, column] of [
        [0, 0],
        [3, 30],
        [16, 24],
        [31, 31],
      ] as const) {
        ok(Math.abs(small[row * 32 + column]! - cellMean(size, row, column)) <= 2, `${size}: ${row}, ${column}`);
      }
    }
    const tall = thumbnail(movingPicture({ width: 180, height: 322 }, 0));
    ok(tall.every((luma) => luma >= 40 && luma <= 220));
  });
});

describe('difference', () => {
  it('is a distance in luma levels', () => {
    const [a, b] = [new Uint8Array(1024).fill(10), new Uint8Array(1024).fill(13)];
    equal(difference(a, a), 0);
    equal(difference(a, b), 3);
    equal(difference(b, a), 3);
  });
});
