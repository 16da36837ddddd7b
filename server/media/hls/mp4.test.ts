import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoxSplitter, spanOf, type Box } from './mp4.ts';

function box(type: string, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, at) => bytes.writeUInt32BE(value, at * 4));
  return bytes;
}

function split(stream: Buffer, cuts: readonly number[]): Box[] {
  const splitter = new BoxSplitter();
  const edges = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
  return edges.slice(1).flatMap((end, at) => splitter.push(stream.subarray(edges[at], end)));
}

const TYPE = fc.stringMatching(/^[a-z0-9]{4}$/);

describe('BoxSplitter', () => {
  it('gives the same boxes however the stream is chunked', () => {
    const boxes = fc.array(fc.tuple(TYPE, fc.uint8Array({ maxLength: 300 })), { maxLength: 12 });
    fc.assert(
      fc.property(boxes, fc.array(fc.nat(5_000), { maxLength: 40 }), (parts, cuts) => {
        const whole = parts.map(([type, body]) => box(type, body));
        const found = split(Buffer.concat(whole), cuts);
        expect(found.map(({ type }) => type)).toEqual(parts.map(([type]) => type));
        expect(found.map(({ data }) => Buffer.from(data))).toEqual(whole);
      }),
    );
  });

  it('keeps an unfinished box to itself', () => {
    const whole = box('mdat', Buffer.alloc(100, 7));
    const splitter = new BoxSplitter();
    for (const byte of whole.subarray(0, -1)) expect(splitter.push(Uint8Array.of(byte))).toEqual([]);
    expect(splitter.push(whole.subarray(-1))).toHaveLength(1);
  });

  it('refuses lengths that can not be, and never hangs on garbage', () => {
    expect(() => new BoxSplitter().push(words(7, 0))).toThrow(RangeError);
    expect(() => new BoxSplitter().push(words(0x7fffffff, 0))).toThrow(RangeError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (garbage) => {
        try {
          const length = new BoxSplitter().push(garbage).reduce((sum, { data }) => sum + data.length, 0);
          expect(length).toBeLessThanOrEqual(garbage.length);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

describe('spanOf', () => {
  const tfdt = box('tfdt', words(0x01_000000, 1, 5));
  const start = 2 ** 32 + 5;

  it('sums the durations of the track that was asked for', () => {
    const other = box('traf', box('tfhd', words(0x020000, 2)), tfdt, box('trun', words(0x100, 1, 999)));
    const asked = box('traf', box('tfhd', words(0x020000, 1)), tfdt, box('trun', words(0x301, 2, 0, 1_920, 50, 3_840, 60)));
    expect(spanOf(box('moof', other, asked), 1)).toEqual({ start, duration: 5_760 });
    expect(spanOf(box('moof', other), 1)).toBeUndefined();
  });

  it('takes the default duration where a run has none, over all runs', () => {
    const head = box('tfhd', words(0x02000a, 1, 1, 1_024));
    const traf = box('traf', head, box('tfdt', words(0, 48)), box('trun', words(0, 3)), box('trun', words(0x200, 2, 9, 9)));
    expect(spanOf(box('moof', traf), 1)).toEqual({ start: 48, duration: 5 * 1_024 });
  });

  it('answers garbage with undefined or RangeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (garbage) => {
        const moof = box('moof', box('traf', box('tfhd', words(0, 1)), tfdt, box('trun', garbage)), garbage);
        try {
          spanOf(moof, 1);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
