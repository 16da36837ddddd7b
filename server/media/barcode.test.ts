import { deepStrictEqual, equal, throws } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { movingPicture } from '#test/fixtures/moving-picture.ts';
import { readFrameNumber, stampFrameNumber } from './barcode.ts';
import { VideoDecoder } from './decoder.ts';
import { VideoEncoder } from './encoder.ts';

describe('barcode', () => {
  it('is read back as it was written, modulo 2³²', () => {
    const picture = movingPicture({ width: 256, height: 64 }, 0);
    fc.assert(
      fc.property(fc.maxSafeNat(), (frame) => {
        stampFrameNumber(picture, frame);
        equal(readFrameNumber(picture), Number(BigInt(frame) % 2n ** 32n));
      }),
    );
  });

  it('lies where the test card has it: most significant bit at the top left, white is 1', () => {
    const picture = movingPicture({ width: 320, height: 64 }, 0);
    const below = picture.data.slice(32 * 320, 64 * 320);
    stampFrameNumber(picture, 0x8001_0001);
    const luma = (x: number, y: number): number => picture.data[y * 320 + x] ?? 0;
    deepStrictEqual(
      [luma(0, 0), luma(15, 15), luma(16, 0), luma(240, 15), luma(0, 16), luma(255, 31)],
      [235, 235, 16, 235, 16, 235],
    );
    deepStrictEqual(picture.data.slice(32 * 320, 64 * 320), below, 'nothing below is touched');
    deepStrictEqual([picture.data[320 * 64], picture.data[320 * 64 + 127], picture.data[320 * 64 + 128]], [128, 128, 110]);
  });

  it('survives H.264 at a starving bitrate', async () => {
    const size = { width: 320, height: 240 };
    const encoder = await VideoEncoder.open({ ...size, bitrate: 60_000 });
    const decoder = await VideoDecoder.open(size);
    for (let frame = 0; frame < 30; frame += 1) {
      const picture = movingPicture(size, frame / 30);
      stampFrameNumber(picture, 123_456_789 + frame);
      const decoded = await decoder.decode((await encoder.encode(picture, frame * 1920, false)).data);
      equal(decoded && readFrameNumber(decoded), 123_456_789 + frame);
    }
    await Promise.all([encoder.close(), decoder.close()]);
  });

  it('says how much room it needs', () => {
    throws(() => stampFrameNumber(movingPicture({ width: 254, height: 64 }, 0), 1), /256×32 px.*254×64/);
  });
});
