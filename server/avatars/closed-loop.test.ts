import { expect, test } from 'vitest';
import type { VideoFrame } from '#base/media.ts';
import { closedLoop } from './closed-loop.ts';

const SIZE = { width: 2, height: 2 };

async function* ramp(length: number): AsyncGenerator<VideoFrame> {
  for (let frame = 0; frame < length; frame += 1) yield { ...SIZE, data: new Uint8Array(6).fill(frame) };
}

const levels = async (length: number): Promise<number[]> =>
  (await Array.fromAsync(closedLoop(ramp(length), length))).map(({ data }) => data[0] ?? -1);

test.each([
  [50, 25],
  [62, 50],
  [125, 100],
])('a clip of %i pictures is a loop of %i', async (length, frames) => {
  const loop = await levels(length);
  expect(loop).toHaveLength(frames);
  // Neighbours are a step apart in the clip; where the end fades into what was before the beginning, as far as the fade must go.
  expect(loop.slice(0, frames - 12)).toEqual(Array.from({ length: frames - 12 }, (_, frame) => 12 + frame));
  const round = [...loop, loop[0] ?? -1];
  const steps = round.slice(1).map((level, at) => Math.abs(level - (round[at] ?? 0)));
  expect(Math.max(...steps)).toBeLessThanOrEqual(Math.ceil(frames / 13) + 1);
  expect(Math.abs((loop.at(-1) ?? 0) - (loop[0] ?? 0))).toBeLessThanOrEqual(Math.ceil(frames / 13) + 1);
});

test('one that is too short for a second is refused', async () => {
  await expect(levels(36)).rejects.toMatchObject({ code: 'bad_request' });
});
