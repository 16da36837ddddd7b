import { expect, test } from 'vitest';
import type { RtpPacket } from './rtp.ts';
import { Reorder, REORDER_PATIENCE } from './reorder.ts';

const packet = (sequence: number): RtpPacket => ({
  payloadType: 111,
  marker: false,
  sequence,
  timestamp: 0,
  ssrc: 1,
  extensions: new Map(),
  payload: new Uint8Array(),
});

/** Takes these numbers, one each ms, and says what came out: numbers, with how many were lost before. */
function take(reorder: Reorder, sequences: readonly number[], start = 0): string[] {
  return sequences.flatMap((sequence, at) => told(reorder.take(packet(sequence), start + at)));
}
const told = (ready: readonly { packet: RtpPacket; lost: number }[]): string[] =>
  ready.map(({ packet: { sequence }, lost }) => (lost > 0 ? `${sequence} after ${lost}` : `${sequence}`));

test('what comes in order is given at once, over the end of the numbers too', () => {
  const reorder = new Reorder();
  expect(take(reorder, [65_534, 65_535, 0, 1])).toEqual(['65534', '65535', '0', '1']);
  expect(reorder.deadline).toBeUndefined();
});

test('what was overtaken is waited for and put in its place, once', () => {
  const reorder = new Reorder();
  expect(take(reorder, [65_535, 1, 2])).toEqual(['65535']);
  expect(reorder.deadline).toBe(1 + REORDER_PATIENCE);
  expect(take(reorder, [2, 0, 0, 1, 3])).toEqual(['0', '1', '2', '3']);
  expect(reorder.deadline).toBeUndefined();
  expect(reorder.useless).toBe(3);
});

test('what never comes is lost at its deadline, and useless afterwards', () => {
  const reorder = new Reorder();
  take(reorder, [10, 13, 14]);
  expect(reorder.expired(REORDER_PATIENCE)).toEqual([]);
  expect(told(reorder.expired(1 + REORDER_PATIENCE))).toEqual(['13 after 2', '14']);
  expect(take(reorder, [11, 15], 100)).toEqual(['15']);
  expect(reorder.useless).toBe(1);
});

test('a second hole is waited for from when the first is over', () => {
  const reorder = new Reorder();
  take(reorder, [1, 3, 5]);
  expect(told(reorder.expired(61))).toEqual(['3 after 1']);
  expect(reorder.deadline).toBe(61 + REORDER_PATIENCE);
  expect(take(reorder, [4], 70)).toEqual(['4', '5']);
});

test('holds only so many back', () => {
  const reorder = new Reorder();
  take(reorder, [0]);
  const later = Array.from({ length: 33 }, (_, index) => index + 2);
  expect(take(reorder, later)[0]).toBe('2 after 1');
});

test('one packet from nowhere is dropped; a second that follows it is a sender that began anew', () => {
  const reorder = new Reorder();
  take(reorder, [100, 101]);
  expect(take(reorder, [40_000, 102, 20_000, 20_001, 20_002])).toEqual(['102', '20001', '20002']);
});
