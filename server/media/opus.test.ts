import { deepStrictEqual, equal, ok, throws } from 'node:assert/strict';
import prism from 'prism-media';
import { afterEach, describe, it } from 'vitest';
import { decodeByFfmpeg } from '#test/fixtures/decode-by-ffmpeg.ts';
import { OpusEncoder, silentPacket } from './opus.ts';

const FRAME = 960;
const RATE = 48_000;
const open: OpusEncoder[] = [];
const kept: OpusEncoder[] = [];

const encoder = (options?: { bitrate: number }): OpusEncoder => {
  const one = OpusEncoder.create(options);
  open.push(one);
  return one;
};

afterEach(() => open.splice(0).forEach((one) => one.close()));

/** 20 ms of a sine, phase-continuous from frame to frame. */
const sine = (hertz: number, frame: number): Int16Array =>
  Int16Array.from({ length: FRAME }, (_, i) => 12_000 * Math.sin((2 * Math.PI * hertz * (frame * FRAME + i)) / RATE));

const encodeSine = (hertz: number, frames: number, by = encoder()): Uint8Array[] =>
  Array.from({ length: frames }, (_, frame) => by.encode(sine(hertz, frame)));

/** Opus packets in Ogg (RFC 7845), written here so that ffmpeg can be the judge; mono as the header says. */
function ogg(packets: readonly Uint8Array[]): Buffer {
  const head = Buffer.from('OpusHead\x01\x01\x00\x00\x80\xbb\x00\x00\x00\x00\x00', 'latin1');
  const tags = Buffer.from('OpusTags\0\0\0\0\0\0\0\0', 'latin1');
  const page = (packet: Uint8Array, index: number, granule: number, flags: number): Buffer => {
    const laces = Buffer.alloc(Math.floor(packet.length / 255) + 1, 255);
    laces[laces.length - 1] = packet.length % 255;
    const header = Buffer.alloc(27);
    header.write('OggS');
    header[5] = flags;
    header.writeBigUInt64LE(BigInt(granule), 6);
    header.writeUInt32LE(1, 14);
    header.writeUInt32LE(index, 18);
    header[26] = laces.length;
    const whole = Buffer.concat([header, laces, packet]);
    whole.writeUInt32LE(crc(whole), 22);
    return whole;
  };
  const media = packets.map((packet, n) => page(packet, n + 2, (n + 1) * FRAME, n === packets.length - 1 ? 4 : 0));
  return Buffer.concat([page(head, 0, 0, 2), page(tags, 1, 0, 0), ...media]);
}

/** CRC-32 of RFC 3533 §6: polynomial 04c11db7, not reflected, starting from 0. */
function crc(data: Uint8Array): number {
  let sum = 0;
  for (const byte of data) {
    sum ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) sum = sum & 0x8000_0000 ? (sum << 1) ^ 0x04c1_1db7 : sum << 1;
  }
  return sum >>> 0;
}

async function hear(packets: readonly Uint8Array[]): Promise<{ samples: Int16Array; complaints: string }> {
  const output = ['-f', 's16le', '-ar', String(RATE)];
  const { raw, complaints } = await decodeByFfmpeg(ogg(packets), ['-f', 'ogg'], output);
  return { samples: new Int16Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength)), complaints };
}

/** Share (0–1) of the sound's energy that lies at one frequency (Goertzel). */
function share(samples: Int16Array, hertz: number): number {
  let [re, im, energy] = [0, 0, 0];
  samples.forEach((sample, i) => {
    const angle = (2 * Math.PI * hertz * i) / RATE;
    re += sample * Math.cos(angle);
    im += sample * Math.sin(angle);
    energy += sample ** 2;
  });
  return energy === 0 ? 0 : (2 * (re ** 2 + im ** 2)) / (samples.length * energy);
}

describe('OpusEncoder', () => {
  it('turns a sine into packets that ffmpeg turns into that sine, mono, as long as it was', async () => {
    const packets = encodeSine(440, 50);
    const { samples, complaints } = await hear(packets);
    equal(complaints, '');
    equal(samples.length, 50 * FRAME, 'one channel');
    const settled = samples.subarray(10 * FRAME, 45 * FRAME);
    ok(share(settled, 440) > 0.95, String(share(settled, 440)));
    ok(share(settled, 660) < 0.01);
    const rms = Math.sqrt(settled.reduce((sum, sample) => sum + sample ** 2, 0) / settled.length);
    ok(rms > 12_000 * Math.SQRT1_2 * 0.8 && rms < 12_000 * Math.SQRT1_2 * 1.2, String(rms));
  });

  it('makes packets that another libopus, the one in prism-media, turns into that sine too', () => {
    const decoder = new prism.opus.Decoder({ rate: RATE, channels: 1, frameSize: FRAME });
    const codec = decoder.encoder as { decode(packet: Buffer): Buffer };
    const decoded = encodeSine(440, 50).map((packet) => codec.decode(Buffer.from(packet)));
    decoder.destroy();
    const samples = new Int16Array(new Uint8Array(Buffer.concat(decoded)).buffer);
    equal(samples.length, 50 * FRAME);
    ok(share(samples.subarray(10 * FRAME, 45 * FRAME), 440) > 0.95);
  });

  it('says mono, 20 ms, in each packet, and keeps near its bitrate', () => {
    for (const bitrate of [24_000, 64_000]) {
      const packets = encodeSine(440, 100, encoder({ bitrate }));
      for (const [toc = 0] of packets) {
        // TOC byte, RFC 6716 §3.1: stereo bit, then one frame per packet.
        equal(toc & 0x07, 0);
      }
      const bits = packets.reduce((sum, { length }) => sum + length, 0) * 4;
      ok(bits < bitrate * 1.3, `${bits} bit/s of ${bitrate}`);
    }
  });

  it('keeps a hundred and fifty voices apart', async () => {
    const voices = Array.from({ length: 150 }, () => encoder());
    const packets = voices.map((): Uint8Array[] => []);
    for (let frame = 0; frame < 25; frame += 1) {
      voices.forEach((voice, n) => packets[n]?.push(voice.encode(sine(200 + 20 * n, frame))));
    }
    for (const n of [0, 1, 52, 53, 99, 149]) {
      const settled = (await hear(packets[n] ?? [])).samples.subarray(8 * FRAME, 22 * FRAME);
      ok(share(settled, 200 + 20 * n) > 0.9, `voice ${n}: ${share(settled, 200 + 20 * n)}`);
    }
  });

  it('sounds the same whatever ran before and beside it', () => {
    const alone = encodeSine(300, 20);
    const crowd = Array.from({ length: 80 }, () => encoder());
    const one = encoder();
    const beside = Array.from({ length: 20 }, (_, frame) => {
      crowd.forEach((other, n) => other.encode(sine(100 * n, frame)));
      return one.encode(sine(300, frame));
    });
    deepStrictEqual(beside, alone);
  });

  it('frees its memory at close', () => {
    const before = memoryAfter(500);
    const grown = memoryAfter(2_000) - before;
    // One that is not closed takes 0.05 MiB: 94 MiB altogether.
    ok(grown < 50, `${grown.toFixed(0)} MiB`);
  });

  it('wants 960 samples, and nothing after close', () => {
    const one = encoder();
    throws(() => one.encode(new Int16Array(480)), /960 samples, got 480/);
    one.close();
    one.close();
    throws(() => one.encode(new Int16Array(FRAME)), /encoder is closed/);
  });
});

describe('silentPacket', () => {
  it('is a few bytes, the same each time, and silence however often it is sent', async () => {
    equal(silentPacket(), silentPacket());
    ok(silentPacket().length < 12, `${silentPacket().length} bytes`);
    const { samples, complaints } = await hear([...encodeSine(440, 10), ...Array<Uint8Array>(100).fill(silentPacket())]);
    equal(complaints, '');
    const after = samples.subarray(20 * FRAME);
    ok(after.every((sample) => Math.abs(sample) <= 1));
  });
});

/** MiB the process has after so many encoders, all of which are kept. */
function memoryAfter(cycles: number): number {
  for (let i = 0; i < cycles; i += 1) {
    const one = OpusEncoder.create();
    one.encode(sine(440, 0));
    one.close();
    kept.push(one);
  }
  return process.memoryUsage.rss() / 2 ** 20;
}
