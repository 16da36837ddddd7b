import { EAR_RATE, TICKS_PER_SECOND, type Packet, type Size } from '#base/media.ts';

/**
 * A writer for the NUT container (FFmpeg's `doc/nut.txt`, version 3), as far as one H.264 and one mono Opus stream need it.
 * Both streams count time in ticks at 48 kHz, and every frame carries its full timestamp and a checksum: nothing is implied.
 */
const FILE_ID = 'nut/multimedia container\0';
const MAIN = '4e4d7a561f5f04ad';
const STREAM = '4e5311405bf2f9db';
const SYNCPOINT = '4e4be4adeeca4569';

const VIDEO_STREAM = 0;
const AUDIO_STREAM = 1;
/** Most bytes between a syncpoint and a frame's start, and the most the format allows. A frame twice as long needs its own checksum; ours always have one. */
const MAX_DISTANCE = 65_536;
/** A coded timestamp below 2^shift is relative to the last one; above, it is absolute plus 2^shift. Ours are all absolute. */
const PTS_SHIFT = 0;
const FLAG = { key: 1, pts: 8, stream: 16, size: 32, checksum: 64, coded: 4_096 };

/** The file's opening: main header and both stream headers. `parameterSets` are SPS and PPS as Annex B. */
export function nutHeader(size: Size, parameterSets: Uint8Array): Uint8Array {
  const video = [
    ...[v(VIDEO_STREAM), v(0), vb(Buffer.from('H264')), v(0), v(PTS_SHIFT), v(TICKS_PER_SECOND), v(0), v(0), vb(parameterSets)],
    ...[v(size.width), v(size.height), v(1), v(1), v(0)],
  ];
  const audio = [
    ...[v(AUDIO_STREAM), v(1), vb(Buffer.from('Opus')), v(0), v(PTS_SHIFT), v(TICKS_PER_SECOND), v(0), v(0), vb(opusHead())],
    ...[v(EAR_RATE), v(1), v(1)],
  ];
  return Buffer.concat([
    Buffer.from(FILE_ID, 'latin1'),
    packet(MAIN, mainHeader()),
    packet(STREAM, video),
    packet(STREAM, audio),
  ]);
}

/** Writes frames. A syncpoint comes before each picture that can start a decoder, and before ffmpeg would miss one: it gives frames up beyond 64 KiB. */
export class NutFrames {
  #sinceSyncpoint = Number.POSITIVE_INFINITY;

  frame({ kind, data, ticks, keyframe }: Packet): Uint8Array {
    const flags = FLAG.pts | FLAG.stream | FLAG.size | FLAG.checksum | (keyframe || kind === 'audio' ? FLAG.key : 0);
    const stream = kind === 'video' ? VIDEO_STREAM : AUDIO_STREAM;
    const head = Buffer.concat([Buffer.of(0), v(flags), v(stream), v(ticks + 2 ** PTS_SHIFT), v(data.length)]);
    const due = (kind === 'video' && keyframe) || this.#sinceSyncpoint > MAX_DISTANCE / 2;
    const syncpoint = due ? [packet(SYNCPOINT, [v(ticks), v(0)])] : [];
    const bytes = Buffer.concat([...syncpoint, head, checksum(head), data]);
    this.#sinceSyncpoint = due ? bytes.length : this.#sinceSyncpoint + bytes.length;
    return bytes;
  }
}

function mainHeader(): Uint8Array[] {
  const timeBase = [v(1), v(1), v(TICKS_PER_SECOND)];
  // One entry for all 255 usable frame codes: "everything is coded in the frame". Fields: pts, mul, stream, size, reserved, count.
  const frameCodes = [v(FLAG.coded), v(6), v(0), v(1), v(0), v(0), v(0), v(255)];
  return [v(3), v(2), v(MAX_DISTANCE), ...timeBase, ...frameCodes, v(0)];
}

/** RFC 7845 §5.1. No pre-skip: a live stream has no start to trim. */
function opusHead(): Uint8Array {
  const head = Buffer.alloc(19);
  head.write('OpusHead', 'latin1');
  head.writeUInt8(1, 8);
  head.writeUInt8(1, 9);
  head.writeUInt32LE(EAR_RATE, 12);
  return head;
}

function packet(startcode: string, fields: Uint8Array[]): Uint8Array {
  const body = Buffer.concat(fields);
  const head = Buffer.concat([Buffer.from(startcode, 'hex'), v(body.length + 4)]);
  // A long packet has a checksum over its head too, so that a damaged length isn't believed.
  const guard = body.length + 4 > 4_096 ? [checksum(head)] : [];
  return Buffer.concat([head, ...guard, body, checksum(body)]);
}

/** The format's variable-length integer: 7 bits a byte, most significant first. */
function v(value: number): Buffer {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift((rest % 128) | 0x80);
  return Buffer.from(bytes);
}

function vb(bytes: Uint8Array): Buffer {
  return Buffer.concat([v(bytes.length), bytes]);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});

/** CRC-32 with polynomial 0x04C11DB7, most significant bit first, from 0, not inverted (zlib's is the mirrored one). */
function checksum(bytes: Uint8Array): Buffer {
  let crc = 0;
  for (const byte of bytes) crc = (crc << 8) ^ (CRC_TABLE[((crc >>> 24) ^ byte) & 0xff] ?? 0);
  const sum = Buffer.alloc(4);
  sum.writeInt32BE(crc);
  return sum;
}
