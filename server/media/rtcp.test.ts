import { equal } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { readRtcp } from './rtcp.ts';

/** One RTCP packet of `words` words after its header. */
const rtcp = (type: number, format: number, words: number): number[] => [
  0x80 | format,
  type,
  0,
  words,
  ...Array<number>(words * 4).fill(5),
];
const wants = (...packets: number[][]): boolean => readRtcp(Uint8Array.from(packets.flat())).keyframeRequested;

describe('readRtcp', () => {
  it('finds a picture loss and a full intra request, alone and behind other packets', () => {
    equal(wants(rtcp(206, 1, 2)), true);
    equal(wants(rtcp(206, 4, 4)), true);
    equal(wants(rtcp(201, 1, 7), rtcp(202, 1, 3), rtcp(206, 1, 2)), true);
  });

  it('takes nothing else for one', () => {
    equal(wants(rtcp(201, 1, 7), rtcp(202, 4, 3)), false);
    equal(wants(rtcp(205, 1, 3)), false, 'a NACK');
    equal(wants(rtcp(206, 15, 4)), false, 'a bandwidth estimate');
    equal(wants(rtcp(206, 1, 2).slice(0, 8)), false, 'cut short');
    equal(wants([0x41, ...rtcp(206, 1, 2).slice(1)]), false, 'another version');
  });

  it('reads any bytes without throwing, and still finds what comes before the garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (garbage) => {
        readRtcp(garbage);
        equal(wants(rtcp(206, 1, 2), [...garbage]), true);
      }),
      { numRuns: 1000 },
    );
  });
});
