import { expect, onTestFinished, test } from 'vitest';
import { loudness, spoken } from '#test/fixtures/spoken-opus.ts';
import { OpusDecoder } from './opus-decoder.ts';

function decoder(): OpusDecoder {
  const one = OpusDecoder.create();
  onTestFinished(() => one.close());
  return one;
}

test('a packet becomes its 20 ms at 16 kHz', () => {
  const one = decoder();
  const decoded = spoken(20).map((packet) => one.decode(packet));
  expect(decoded.map((samples) => samples?.length)).toEqual(Array(20).fill(320));
  expect(loudness(decoded.at(-1))).toBeGreaterThan(3_000);
});

test('what was lost goes on as it sounded, ever fainter, for as long as is asked', () => {
  const one = decoder();
  expect(loudness(one.conceal(320))).toBe(0);
  for (const packet of spoken(20)) one.decode(packet);
  const concealed = one.conceal(1_700);
  expect(concealed.length).toBe(1_700);
  expect(loudness(concealed.subarray(0, 320))).toBeGreaterThan(2_000);
  expect(loudness(concealed.subarray(-320))).toBeLessThan(loudness(concealed.subarray(0, 320)) / 2);
});

test('what is no Opus is told, and spoils nothing', () => {
  const [one, other] = [decoder(), decoder()];
  const packets = spoken(20);
  const garbage = [
    [],
    [3],
    [0xff, 0xff, 0xff, 0xff],
    [0x03, 0xff],
    Array<number>(1_400).fill(0xa7),
    Array<number>(5_000).fill(1),
  ];
  for (const packet of packets.slice(0, 10)) for (const each of [one, other]) each.decode(packet);
  for (const bytes of garbage) expect(one.decode(Uint8Array.from(bytes))).toBeUndefined();
  for (const packet of packets.slice(10)) expect(one.decode(packet)).toEqual(other.decode(packet));
});

test('a hundred voices are kept apart, and what is closed makes room', () => {
  const packets = spoken(12);
  const alone = decoder();
  const wanted = packets.map((packet) => alone.decode(packet));
  for (let round = 0; round < 3; round += 1) {
    const crowd = Array.from({ length: 100 }, () => OpusDecoder.create());
    const heard = packets.map((packet) => crowd.map((one) => one.decode(packet)));
    heard.forEach((each, at) => each.forEach((samples) => expect(samples).toEqual(wanted[at])));
    for (const one of crowd) one.close();
  }
});

test('closed twice is closed once, and nothing is heard afterwards', () => {
  const one = OpusDecoder.create();
  one.close();
  one.close();
  expect(() => one.decode(spoken(1)[0] ?? new Uint8Array())).toThrow(/decoder is closed/);
});
