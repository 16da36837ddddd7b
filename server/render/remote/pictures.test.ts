import { createCanvas } from '@napi-rs/canvas';
import { describe, expect, it, onTestFinished } from 'vitest';
import { i420Bytes, type VideoFrame } from '#base/media.ts';
import { VideoEncoder } from '#server/media/encoder.ts';
import { PictureDecoder } from './decoding.ts';
import { Scaler } from './scaling.ts';

const size = { width: 64, height: 48 };

/** A ramp from left to right in `from`…`to`, without colour. */
function ramp({ width, height }: { width: number; height: number }, from = 20, to = 220): VideoFrame {
  const data = new Uint8Array(i420Bytes({ width, height })).fill(128);
  for (let at = 0; at < width * height; at += 1) data[at] = from + ((to - from) * (at % width)) / (width - 1);
  return { width, height, data };
}

const worst = (a: VideoFrame, b: VideoFrame): number =>
  a.data.reduce((most, value, at) => Math.max(most, Math.abs(value - (b.data[at] ?? NaN))), 0);

async function open(format: 'jpeg' | 'h264'): Promise<PictureDecoder> {
  const decoder = await PictureDecoder.open(format);
  onTestFinished(() => decoder.close());
  return decoder;
}

describe('pictures of a worker', () => {
  it('come out of H.264 one for one', async () => {
    const encoder = await VideoEncoder.open(size);
    onTestFinished(() => encoder.close());
    const decoder = await open('h264');
    for (let at = 0; at < 5; at += 1) {
      const picture = ramp(size, 20 + at * 10);
      const { data } = await encoder.encode(picture, at * 1_920, at === 0);
      expect(worst(await decoder.decode(data, size), picture)).toBeLessThan(20);
    }
  });

  it('come out of JPEG', async () => {
    const canvas = createCanvas(64, 48);
    const context = canvas.getContext('2d');
    context.fillStyle = 'rgb(77, 77, 77)';
    context.fillRect(0, 0, 64, 48);
    const decoder = await open('jpeg');
    const { data } = await decoder.decode(canvas.toBuffer('image/jpeg'), size);
    // Full range in, and the same samples out: nothing was converted.
    expect(Math.abs((data[0] ?? 0) - 77)).toBeLessThanOrEqual(1);
  });

  it.each(['jpeg', 'h264'] as const)('are refused when they are no %s, or of another size', async (format) => {
    const decoder = await open(format);
    await expect(decoder.decode(Buffer.alloc(500, 7), size)).rejects.toMatchObject({ code: 'bad_request' });
    const jpeg = createCanvas(32, 32).toBuffer('image/jpeg');
    if (format === 'jpeg') await expect(decoder.decode(jpeg, size)).rejects.toThrow(/another size/);
  });

  it('are scaled to the size of the stage, and back', async () => {
    const large = { width: 128, height: 96 };
    const [up, down] = [new Scaler(large), new Scaler(size)];
    onTestFinished(() => Promise.all([up.close(), down.close()]).then());
    const picture = ramp(size);
    expect(await down.scale(picture)).toBe(picture);
    const scaled = await up.scale(picture);
    expect(scaled).toMatchObject(large);
    expect(worst(scaled, ramp(large))).toBeLessThan(6);
    expect(worst(await down.scale(scaled), picture)).toBeLessThan(6);
    expect(await down.scale({ ...ramp({ width: 32, height: 32 }) })).toMatchObject(size);
  });
});
