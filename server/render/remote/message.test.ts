import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut, pack, unpack } from './message.ts';

/** A message as a worker would write it. */
function written(header: unknown, payload = Buffer.of()): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, payload]);
}

const done = { type: 'clip_done', generation: 3, window: 1, clipMs: 1_234.5, waitedMs: 0 };

describe('a message of the frame link', () => {
  it('is a length, a header and a payload, both ways', () => {
    const { header, payload } = unpack(written(done, Buffer.from('pictures')));
    expect(header).toEqual(done);
    expect(Buffer.from(payload).toString()).toBe('pictures');
    const sent = pack({ type: 'cancel', generation: 3 }, Buffer.from('sound'));
    expect(JSON.parse(sent.subarray(4, 4 + sent.readUInt32BE()).toString())).toEqual({ type: 'cancel', generation: 3 });
    expect(sent.subarray(4 + sent.readUInt32BE()).toString()).toBe('sound');
  });

  it('may have members that nobody knows yet', () => {
    expect(unpack(written({ ...done, later: 'something' })).header).toEqual(done);
  });

  it.each([
    ['nothing', Buffer.of()],
    ['three bytes', Buffer.of(0, 0, 0)],
    ['a length beyond its end', Buffer.of(0, 0, 0, 9, 123, 125)],
    ['an endless length', Buffer.concat([Buffer.of(255, 255, 255, 255), Buffer.alloc(100)])],
    ['no JSON', Buffer.concat([Buffer.of(0, 0, 0, 2), Buffer.from('{]')])],
    ['an unknown type', written({ type: 'dance' })],
    ['a missing member', written({ type: 'clip_done', generation: 3 })],
    ['a number out of bounds', written({ ...done, window: -1 })],
    ['a message for workers', written({ type: 'cancel', generation: 1 })],
  ])('is refused when it is %s', (_, message) => {
    expect(() => unpack(message)).toThrowError(expect.objectContaining({ code: 'bad_request' }));
  });

  it('never breaks anything but itself, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          unpack(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad_request' });
        }
      }),
    );
  });

  it('has exactly the pictures it says', () => {
    expect(cut(Buffer.from('aabbbc'), [2, 3, 1]).map((one) => Buffer.from(one).toString())).toEqual(['aa', 'bbb', 'c']);
    expect(() => cut(Buffer.from('aab'), [2, 2])).toThrow(/4 bytes and have 3/);
  });
});
