import { expect, it } from 'vitest';
import { rgbaToI420 } from './i420.ts';

const flat = (colour: readonly [number, number, number], pixels: number): Uint8Array =>
  Uint8Array.from({ length: pixels * 4 }, (_, at) => [...colour, 255][at % 4] ?? 0);

it.each([
  ['white', [255, 255, 255], [235, 128, 128]],
  ['black', [0, 0, 0], [16, 128, 128]],
  ['red', [255, 0, 0], [82, 90, 240]],
  ['green', [0, 255, 0], [144, 54, 34]],
  ['blue', [0, 0, 255], [41, 240, 110]],
] as const)('turns %s into its BT.601 levels', (_name, rgb, [y, u, v]) => {
  const picture = rgbaToI420(flat(rgb, 4 * 2), { width: 4, height: 2 }, new Uint8Array(12));
  expect([...picture]).toEqual([...Array<number>(8).fill(y), u, u, v, v]);
});

it('keeps each pixel in its place and mixes the colours of four', () => {
  const black = [0, 0, 0, 255];
  const white = [255, 255, 255, 255];
  const red = [255, 0, 0, 255];
  const rows = [...white, ...black, ...red, ...red, ...black, ...black, ...red, ...black];
  const picture = rgbaToI420(Uint8Array.from(rows), { width: 4, height: 2 }, new Uint8Array(12));
  expect([...picture.subarray(0, 8)]).toEqual([235, 16, 82, 82, 16, 16, 82, 16]);
  expect(picture[8]).toBe(128);
  expect(picture[11]).toBe(Math.floor((3 * 240 + 128) / 4));
});
