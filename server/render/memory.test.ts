import { expect, it } from 'vitest';
import { PictureMemory } from './memory.ts';

it('uses memory over again that was given back, once', () => {
  const memory = new PictureMemory({ width: 4, height: 2 });
  const picture = memory.picture(memory.take());
  expect(picture).toMatchObject({ width: 4, height: 2, data: { length: 12 } });
  picture.free?.();
  picture.free?.();
  const [again, other] = [memory.take(), memory.take()];
  expect(again).toBe(picture.data);
  expect(other).not.toBe(picture.data);
});

it('keeps a bounded number of spare ones', () => {
  const memory = new PictureMemory({ width: 4, height: 2 });
  const pictures = Array.from({ length: 200 }, () => memory.picture(memory.take()));
  for (const picture of pictures) picture.free?.();
  const known = new Set(pictures.map(({ data }) => data));
  const again = Array.from({ length: 200 }, () => memory.take()).filter((data) => known.has(data as never));
  expect(again).toHaveLength(48);
});
