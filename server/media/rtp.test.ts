import { deepStrictEqual, equal, ok, throws } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { joinNals, splitNals } from './annex-b.ts';
import { H264Packetizer, OpusPacketizer, parseRtp, type RtpPacket } from './rtp.ts';

const video = { payloadType: 102, ssrc: 0xdeadbeef };

/** A NAL unit as an encoder writes them: types 1–23, no start code inside, never a zero at its end. */
const nalUnit = (maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 1, max: 23 }), fc.uint8Array({ maxLength }))
    .map(([top, type, rest]) => Uint8Array.of((top << 5) | type, ...rest.map((byte) => byte || 1)));

/** One fragment of a NAL unit (RFC 6184 §5.8): start and end bits as they must be, never both. */
function checkFragment(payload: Uint8Array, before: Uint8Array | undefined): void {
  const [, bits = 0] = payload;
  const goesOn = before !== undefined && (before[0]! & 0x1f) === 28 && (before[1]! & 0x40) === 0;
  equal((bits & 0x80) === 0, goesOn);
  ok((bits & 0xc0) !== 0xc0);
}

/** RFC 6184 backwards, written from the RFC: payloads of one access unit → NAL units. */
function depacketize(packets: readonly RtpPacket[]): Uint8Array[] {
  const nals: number[][] = [];
  for (const [index, { payload }] of packets.entries()) {
    const [first = 0, second = 0] = payload;
    const type = first & 0x1f;
    if (type === 24) {
      for (let at = 1; at < payload.length;) {
        const length = ((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0);
        nals.push([...payload.subarray(at + 2, at + 2 + length)]);
        at += 2 + length;
      }
    } else if (type === 28) {
      checkFragment(payload, packets[index - 1]?.payload);
      if (second & 0x80) nals.push([(first & 0xe0) | (second & 0x1f)]);
      nals.at(-1)?.push(...payload.subarray(2));
    } else nals.push([...payload]);
  }
  return nals.map((nal) => Uint8Array.from(nal));
}

const parseAll = (packets: readonly Uint8Array[]): RtpPacket[] =>
  packets.map((packet) => {
    const parsed = parseRtp(packet);
    ok(parsed, 'every packet is RTP');
    return parsed;
  });

describe('H264Packetizer', () => {
  it('gives back any NAL units at any MTU, marks the last packet and never exceeds the MTU', () => {
    fc.assert(
      fc.property(fc.array(nalUnit(400), { minLength: 1, maxLength: 8 }), fc.integer({ min: 23, max: 600 }), (nals, mtu) => {
        const sent = new H264Packetizer({ ...video, playoutDelayId: 11, mtu }).packetize(joinNals(nals), 1920);
        ok(sent.every((packet) => packet.length <= mtu));
        const packets = parseAll(sent);
        deepStrictEqual(depacketize(packets), nals);
        deepStrictEqual(
          packets.map(({ marker }) => marker),
          packets.map((_, index) => index === packets.length - 1),
        );
        equal(new Set(packets.map(({ timestamp }) => timestamp)).size, 1);
      }),
    );
  });

  it('reads both kinds of start code', () => {
    const stream = Uint8Array.of(0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 3);
    deepStrictEqual(splitNals(stream), [Uint8Array.of(0x67, 1), Uint8Array.of(0x68, 2), Uint8Array.of(0x65, 3)]);
  });

  it('puts parameter sets into one STAP-A and fragments a large IDR', () => {
    const idr = new Uint8Array(3000).fill(7);
    idr[0] = 0x65;
    const unit = joinNals([Uint8Array.of(0x67, 1, 2, 3), Uint8Array.of(0x68, 4), idr]);
    const packets = parseAll(new H264Packetizer({ ...video }).packetize(unit, 0));
    deepStrictEqual(
      packets.map(({ payload }) => (payload[0] ?? 0) & 0x1f),
      [24, 28, 28, 28],
    );
    equal((packets[0]?.payload[0] ?? 0) & 0x60, 0x60, 'the STAP-A is as important as its most important unit');
  });

  it('carries a playout delay from 0 to what viewers may hold back on every packet, and nothing when no id is negotiated', () => {
    const unit = joinNals([new Uint8Array(3000).fill(0x41)]);
    for (const { extensions } of parseAll(new H264Packetizer({ ...video, playoutDelayId: 11 }).packetize(unit, 0))) {
      deepStrictEqual([...extensions], [[11, Uint8Array.of(0, 0, 0)]]);
    }
    for (const { extensions } of parseAll(new H264Packetizer({ ...video, playoutDelayId: 11 }).packetize(unit, 0, 400))) {
      deepStrictEqual([...extensions], [[11, Uint8Array.of(0, 0, 40)]]);
    }
    for (const { extensions } of parseAll(new H264Packetizer(video).packetize(unit, 0))) equal(extensions.size, 0);
  });

  it('derives the timestamp from ticks alone, modulo 2³², over years', () => {
    const packetizer = new H264Packetizer(video);
    const unit = joinNals([Uint8Array.of(0x41, 1)]);
    for (const frame of [0, 1, 25 * 86_400, 25 * 86_400 * 3650]) {
      const [packet] = parseAll(packetizer.packetize(unit, frame * 1920));
      equal(packet?.timestamp, Number((BigInt(frame) * 3600n) % 2n ** 32n));
    }
  });

  it('counts every packet and rolls over', () => {
    const packetizer = new H264Packetizer(video);
    const unit = joinNals([Uint8Array.of(0x41, 1)]);
    const sequences = Array.from(
      { length: 0x10001 },
      () => parseRtp(packetizer.packetize(unit, 0)[0] ?? new Uint8Array())?.sequence,
    );
    equal(new Set(sequences).size, 0x10000);
    equal(sequences.at(-1), sequences[0]);
    equal(((sequences[1] ?? 0) - (sequences[0] ?? 0)) & 0xffff, 1);
  });

  it('names the least MTU when given a smaller one', () => {
    throws(() => new H264Packetizer({ ...video, playoutDelayId: 11, mtu: 22 }), /at least 23/);
  });
});

describe('OpusPacketizer', () => {
  it('puts one packet into one, on the 48 kHz clock', () => {
    const packetizer = new OpusPacketizer({ payloadType: 111, ssrc: 7 });
    const packet = parseRtp(packetizer.packetize(Uint8Array.of(1, 2, 3), 2 ** 32 + 960, true));
    deepStrictEqual(
      { ...packet, sequence: 0 },
      {
        payloadType: 111,
        marker: true,
        sequence: 0,
        timestamp: 960,
        ssrc: 7,
        extensions: new Map(),
        payload: Uint8Array.of(1, 2, 3),
      },
    );
    equal(parseRtp(packetizer.packetize(Uint8Array.of(1), 0))?.marker, false);
  });
});

describe('parseRtp', () => {
  it('never throws, and its views stay inside the packet', () => {
    const header = fc.integer({ min: 0x80, max: 0xbf });
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.tuple(header, fc.uint8Array({ minLength: 11, maxLength: 80 })).map(([first, rest]) => Uint8Array.of(first, ...rest)),
    );
    fc.assert(
      fc.property(garbage, (data) => {
        const packet = parseRtp(data);
        if (packet) ok(packet.payload.byteOffset + packet.payload.length <= data.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('skips contributors, padding and foreign extensions', () => {
    const bare = [0x80 | 0x20 | 0x10 | 1, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    const packet = parseRtp(Uint8Array.of(...bare, 9, 9, 9, 9, 0xbe, 0xde, 0, 2, 0, 0x10, 5, 0x21, 6, 7, 0xf0, 1, 42, 43, 0, 2));
    ok(packet);
    deepStrictEqual(packet.payload, Uint8Array.of(42, 43));
    deepStrictEqual(
      [...packet.extensions],
      [
        [1, Uint8Array.of(5)],
        [2, Uint8Array.of(6, 7)],
      ],
    );
    equal(parseRtp(Uint8Array.of(0xa0, ...bare.slice(1), 200)), undefined, 'more padding than packet');
  });
});
