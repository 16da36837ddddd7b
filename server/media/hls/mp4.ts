/** The boxes of fragmented MP4 (ISO/IEC 14496-12) that the packager needs: how they follow each other, and how long a fragment is. */
export interface Box {
  readonly type: string;
  /** The whole box, header included. */
  readonly data: Uint8Array;
}

/** Where a fragment lies on its track's timeline, in the track's own timescale. */
export interface Span {
  readonly start: number;
  readonly duration: number;
}

/** Nothing we make comes near it; a length beyond it is damage, and must not be waited for. */
const MAX_BOX = 16 * 2 ** 20;
const HEADER = 8;
/** Flags of `tfhd` (§8.8.7) and `trun` (§8.8.8) that say which fields are there. */
const TFHD = { dataOffset: 0x01, description: 0x02, duration: 0x08 };
const TRUN = { dataOffset: 0x001, firstFlags: 0x004, duration: 0x100, size: 0x200, flags: 0x400, composition: 0x800 };

/** Cuts a byte stream into top-level boxes, however it is chunked. Throws RangeError on a length that can't be. */
export class BoxSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** The boxes that `chunk` completes. */
  push(chunk: Uint8Array): Box[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const boxes: Box[] = [];
    for (let length = boxLength(this.#rest); length <= this.#rest.length; length = boxLength(this.#rest)) {
      boxes.push({ type: boxType(this.#rest), data: new Uint8Array(this.#rest.subarray(0, length)) });
      this.#rest = this.#rest.subarray(length);
    }
    return boxes;
  }
}

/** Reads a `moof` box: the span of one track in it, or undefined when the track isn't there. */
export function spanOf(moof: Uint8Array, trackId: number): Span | undefined {
  for (const traf of children(asBuffer(moof).subarray(HEADER), 'traf')) {
    const tfhd = children(traf, 'tfhd')[0];
    const tfdt = children(traf, 'tfdt')[0];
    if (!tfhd || !tfdt || tfhd.readUInt32BE(4) !== trackId) continue;
    const start = tfdt[0] === 1 ? Number(tfdt.readBigUInt64BE(4)) : tfdt.readUInt32BE(4);
    const usual = defaultDuration(tfhd);
    const duration = children(traf, 'trun').reduce((sum, trun) => sum + runDuration(trun, usual), 0);
    return { start, duration };
  }
  return undefined;
}

function defaultDuration(tfhd: Buffer): number {
  const flags = tfhd.readUInt32BE(0);
  if (!(flags & TFHD.duration)) return 0;
  return tfhd.readUInt32BE(8 + (flags & TFHD.dataOffset ? 8 : 0) + (flags & TFHD.description ? 4 : 0));
}

function runDuration(trun: Buffer, usual: number): number {
  const flags = trun.readUInt32BE(0);
  const samples = trun.readUInt32BE(4);
  if (!(flags & TRUN.duration)) return samples * usual;
  const first = 8 + (flags & TRUN.dataOffset ? 4 : 0) + (flags & TRUN.firstFlags ? 4 : 0);
  const stride = [TRUN.duration, TRUN.size, TRUN.flags, TRUN.composition].filter((flag) => flags & flag).length * 4;
  let sum = 0;
  for (let sample = 0; sample < samples; sample++) sum += trun.readUInt32BE(first + sample * stride);
  return sum;
}

/** The bodies of the boxes of one type that lie in `body`. */
function children(body: Buffer, type: string): Buffer[] {
  const found: Buffer[] = [];
  for (let rest = body; rest.length >= HEADER; rest = rest.subarray(boxLength(rest))) {
    if (boxType(rest) === type) found.push(rest.subarray(HEADER, boxLength(rest)));
  }
  return found;
}

/** The length that a box at the start of `bytes` announces; a header's while that isn't there yet. */
function boxLength(bytes: Buffer): number {
  if (bytes.length < HEADER) return HEADER;
  const length = bytes.readUInt32BE(0);
  if (length < HEADER || length > MAX_BOX) throw new RangeError(`MP4 box "${boxType(bytes)}" says it has ${length} bytes`);
  return length;
}

const boxType = (bytes: Buffer): string => bytes.toString('latin1', 4, HEADER);

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
