import type { VideoFrame } from '#base/media.ts';

/** Side of a thumbnail, px. */
const SIDE = 32;
export const THUMBNAIL_PIXELS = SIDE * SIDE;

/** Samples per side that a thumbnail's pixel is averaged from, at most: more cost time and change nothing. */
const SAMPLES = 4;

/** The picture's luma averaged down to 32×32, row by row. */
export function thumbnail({ width, height, data }: VideoFrame): Uint8Array {
  const small = new Uint8Array(THUMBNAIL_PIXELS);
  for (let row = 0; row < SIDE; row += 1) {
    const rows = span(row, height);
    for (let column = 0; column < SIDE; column += 1) small[row * SIDE + column] = mean(data, width, rows, span(column, width));
  }
  return small;
}

interface Span {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

function mean(data: Uint8Array, width: number, rows: Span, columns: Span): number {
  let [sum, count] = [0, 0];
  for (let y = rows.from; y < rows.to; y += rows.step) {
    for (let x = columns.from; x < columns.to; x += columns.step) {
      sum += data[y * width + x] ?? 0;
      count += 1;
    }
  }
  return Math.round(sum / count);
}

function span(index: number, length: number): Span {
  const from = Math.floor((index * length) / SIDE);
  const to = Math.max(from + 1, Math.floor(((index + 1) * length) / SIDE));
  return { from, to, step: Math.ceil((to - from) / SAMPLES) };
}

/** How far two thumbnails are apart: root mean square (L2) in luma levels, 0–255. */
export function difference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += ((a[index] ?? 0) - (b[index] ?? 0)) ** 2;
  return Math.sqrt(sum / a.length);
}

/** How far each pixel of two thumbnails is apart, in luma levels. */
export const changes = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((value, index) => Math.abs(value - (b[index] ?? 0)));
