import { expect, test } from 'vitest';
import { sizesFor } from './sizes.ts';

const offered = ['640x640', '448x448', '512x512', '704x416', '256x256'].map((text) => {
  const [width = 0, height = 0] = text.split('x').map(Number);
  return { width, height, clipMs: 1 };
});
const names = (width: number, height: number): string[] =>
  sizesFor({ width, height }, offered).map((size) => `${size.width}x${size.height}`);

test('the best size is the smallest that is large enough, then come smaller ones, all of the shape of the stage', () => {
  expect(names(512, 512)).toEqual(['512x512', '448x448', '256x256']);
  expect(names(500, 500)).toEqual(['512x512', '448x448', '256x256']);
  expect(names(256, 256)).toEqual(['256x256']);
  expect(names(720, 720)).toEqual(['640x640', '512x512', '448x448', '256x256']);
  expect(names(704, 416)).toEqual(['704x416']);
  expect(names(416, 704)).toEqual([]);
});
