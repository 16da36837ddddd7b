import type { VideoFrame } from '#base/media.ts';

/** Side of a thumbnail, px. */
const SIDE = 32;

/** The picture's luma averaged down to 32×32, row by row. */
export function thumbnail({ width, height, data }: VideoFrame): Uint8Array {
  const small = new Uint8Array(SIDE * SIDE);
  for (let row = 0; row < SIDE; row += 1) {
    const [top, bottom] = span(row, height);
    for (let column = 0; column < SIDE; column += 1) {
      const [left, right] = span(column, width);
      let sum = 0;
      for (let y = top; y < bottom; y += 1) for (let at = y * width + left; at < y * width + right; at += 1) sum += data[at] ?? 0;
      small[row * SIDE + column] = Math.round(sum / ((bottom - top) * (right - left)));
    }
  }
  return small;
}

function span(index: number, length: number): [from: number, to: number] {
  const from = Math.floor((index * length) / SIDE);
  return [from, Math.max(from + 1, Math.floor(((index + 1) * length) / SIDE))];
}

/** How far two thumbnails are apart: root mean square (L2) in luma levels, 0–255. */
export function difference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += ((a[index] ?? 0) - (b[index] ?? 0)) ** 2;
  return Math.sqrt(sum / a.length);
}
