import { deepStrictEqual, equal, ok, rejects } from 'node:assert/strict';
import { describe, it } from 'vitest';
import { i420Bytes, type Size } from '#base/media.ts';
import { collect } from '#test/fixtures/collect.ts';
import { decodeByFfmpeg } from '#test/fixtures/decode-by-ffmpeg.ts';
import { movingPicture, psnr } from '#test/fixtures/moving-picture.ts';
import { NAL, nalType, splitNals } from './annex-b.ts';
import { VideoDecoder } from './decoder.ts';
import { VideoEncoder, type EncodedPicture } from './encoder.ts';

const SIZE = { width: 256, height: 256 };
const picture = (frame: number, size: Size = SIZE): ReturnType<typeof movingPicture> => movingPicture(size, frame / 50);
const types = ({ data }: EncodedPicture): number[] => splitNals(data).map(nalType);

/** `count` pictures from a fresh encoder, IDRs at the given places. */
async function encodeSome(
  count: number,
  keyframes: readonly number[] = [],
  bitrate = 400_000,
  size: Size = SIZE,
): Promise<EncodedPicture[]> {
  const encoder = await VideoEncoder.open({ ...size, bitrate });
  const packets: EncodedPicture[] = [];
  for (let frame = 0; frame < count; frame += 1) {
    packets.push(await encoder.encode(picture(frame, size), frame * 1920, keyframes.includes(frame)));
  }
  await encoder.close();
  return packets;
}

async function decodeH264(
  packets: readonly EncodedPicture[],
  size: Size = SIZE,
): Promise<{ frames: number; complaints: string }> {
  const stream = Buffer.concat(packets.map(({ data }) => data));
  const { raw, complaints } = await decodeByFfmpeg(stream, ['-f', 'h264'], ['-f', 'rawvideo', '-fps_mode', 'passthrough']);
  return { frames: raw.length / i420Bytes(size), complaints };
}

describe('VideoEncoder', () => {
  it('gives one access unit per picture, IDRs only where asked for, parameter sets before each', async () => {
    const packets = await encodeSome(60, [20, 21]);
    deepStrictEqual(
      packets.flatMap(({ keyframe }, frame) => (keyframe ? [frame] : [])),
      [0, 20, 21],
    );
    for (const packet of packets) deepStrictEqual(types(packet), packet.keyframe ? [NAL.sps, NAL.pps, NAL.idr] : [NAL.slice]);
    deepStrictEqual(await decodeH264(packets), { frames: 60, complaints: '' });
  });

  it('has byte-identical SPS and PPS at every bitrate, and says level 3.1 constrained baseline', async () => {
    const encoders = await Promise.all(
      [undefined, 100_000, 3_000_000].map((bitrate) => VideoEncoder.open({ ...SIZE, ...(bitrate ? { bitrate } : {}) })),
    );
    const sets = encoders.map(({ parameterSets }) => Buffer.from(parameterSets).toString('hex'));
    equal(new Set(sets).size, 1, sets.join(' '));
    const sps = splitNals(encoders[0]!.parameterSets)[0]!;
    deepStrictEqual([sps[0], sps[1], sps[2]! & 0x40, sps[3]], [0x67, 66, 0x40, 31]);
    await Promise.all(encoders.map((encoder) => encoder.close()));
  });

  it('joins two encoders in one stream: stored, live from an IDR, stored again', async () => {
    const stored = await encodeSome(50, [25], 300_000);
    const live = await encodeSome(30, [], 900_000);
    const joined = [...stored.slice(0, 12), ...live.slice(0, 13), ...stored.slice(25), ...live, ...stored.slice(0, 25)];
    deepStrictEqual(await decodeH264(joined), { frames: joined.length, complaints: '' });
  });

  it('looks like what went in, at sizes that are no multiple of 16 too', async () => {
    for (const size of [SIZE, { width: 270, height: 202 }]) {
      const decoder = await VideoDecoder.open(size);
      for (const [frame, { data }] of (await encodeSome(10, [], 800_000, size)).entries()) {
        const decoded = await decoder.decode(data);
        ok(decoded);
        ok(psnr(decoded, picture(frame, size)) > 35, `frame ${frame}: ${psnr(decoded, picture(frame, size))} dB`);
      }
      await decoder.close();
    }
  });

  it('keeps near its bitrate', async () => {
    const packets = await encodeSome(100, [], 100_000);
    const bitrate = (packets.reduce((sum, { data }) => sum + data.length, 0) * 8) / 4;
    ok(bitrate < 150_000, `${bitrate} bit/s`);
  });

  it('takes calls that overlap one after the other, and a close that comes in between lets them finish', async () => {
    const encoder = await VideoEncoder.open(SIZE);
    const encodes = Array.from({ length: 8 }, (_, frame) => encoder.encode(picture(frame), frame * 1920, false));
    const closed = encoder.close();
    deepStrictEqual(await decodeH264(await Promise.all(encodes)), { frames: 8, complaints: '' });
    await closed;
    await encoder.close();
    await rejects(encoder.encode(picture(9), 9 * 1920, false), /encoder is closed/);
  });

  it('survives a picture of the wrong shape', async () => {
    const encoder = await VideoEncoder.open(SIZE);
    const first = await encoder.encode(picture(0), 0, false);
    await rejects(
      encoder.encode(movingPicture({ width: 128, height: 256 }, 0), 1920, false),
      /128×256 px in 49152 bytes.*256×256 px in 98304/,
    );
    await rejects(
      encoder.encode({ ...SIZE, data: new Uint8Array(SIZE.width * SIZE.height * 3) }, 1920, false),
      /in 196608 bytes.*98304 bytes of I420/,
    );
    const second = await encoder.encode(picture(1), 1920, false);
    deepStrictEqual(await decodeH264([first, second]), { frames: 2, complaints: '' });
    await encoder.close();
  });

  it('names what sizes are allowed', async () => {
    for (const size of [
      { width: 255, height: 256 },
      { width: 16, height: 256 },
      { width: 1280, height: 736 },
      { width: Number.NaN, height: 2 },
    ]) {
      await rejects(VideoEncoder.open(size), /must be even, at least 32, and both together at most 720×1280/);
    }
    await (await VideoEncoder.open({ width: 720, height: 1280 })).close();
  });
});

describe('VideoDecoder', () => {
  it('refuses garbage and goes on with the next IDR', async () => {
    const [first] = await encodeSome(1);
    ok(first);
    const decoder = await VideoDecoder.open(SIZE);
    await rejects(decoder.decode(Uint8Array.of(0, 0, 0, 1, 0x65, 1, 2, 3, 4)), /could not decode/);
    ok(await decoder.decode(first.data));
    await decoder.close();
    await rejects(decoder.decode(first.data), /decoder is closed/);
  });
});

describe('memory', () => {
  const size = { width: 720, height: 1280 };
  /** MiB the process grows by while `use` runs 40 times and what it returns is kept, after a warm-up of 10. */
  async function growth(use: () => Promise<unknown>): Promise<number> {
    const kept: unknown[] = [];
    let before = 0;
    for (let i = 0; i < 50; i += 1) {
      if (i === 10) before = resident();
      kept.push(await use());
    }
    const grown = resident() - before;
    equal(kept.length, 50);
    return grown;
  }

  const resident = (): number => {
    collect();
    return process.memoryUsage.rss() / 2 ** 20;
  };

  it('goes back when an encoder closes, not when it is forgotten', async () => {
    const shown = picture(0, size);
    const grown = await growth(async () => {
      const encoder = await VideoEncoder.open(size);
      await encoder.encode(shown, 0, false);
      await encoder.close();
      return encoder;
    });
    // One holds about 10 MiB.
    ok(grown < 100, `${grown.toFixed(0)} MiB`);
  });

  it('goes back when a decoder closes, too', async () => {
    const [first] = await encodeSome(1, [], 800_000, size);
    ok(first);
    const grown = await growth(async () => {
      const decoder = await VideoDecoder.open(size);
      await decoder.decode(first.data);
      await decoder.close();
      return decoder;
    });
    // One holds about 2 MiB.
    ok(grown < 60, `${grown.toFixed(0)} MiB`);
  });
});
