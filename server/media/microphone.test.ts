import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { createLog } from '#base/log.ts';
import type { MicrophoneChunk } from '#base/media.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { loudness, spoken } from '#test/fixtures/spoken-opus.ts';
import { Microphone } from './microphone.ts';

const MS = 16;
const voice = spoken(100);
/** What a browser sends when nothing is said, once; then nothing for 400 ms. */
const DTX = Uint8Array.of(0xf8);

let clock: VirtualClock;
let microphone: Microphone;
let chunks: MicrophoneChunk[];
let lines: Record<string, unknown>[];

beforeEach(() => {
  clock = new VirtualClock(1_000);
  chunks = [];
  lines = [];
  const log = createLog('info', { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) });
  microphone = Microphone.open({ clock, log, metrics: createMetrics() });
  void read(microphone);
  onTestFinished(() => microphone.close('test over'));
});

async function read(of: Microphone): Promise<void> {
  for await (const chunk of of) chunks.push(chunk);
}

/** RTP with one Opus packet; both counts roll over on the way. */
function rtp(number: number, payload: Uint8Array, ticks = number * 960): Uint8Array {
  const packet = new Uint8Array(12 + payload.length);
  const header = new DataView(packet.buffer);
  header.setUint8(0, 0x80);
  header.setUint8(1, 111);
  header.setUint16(2, (65_530 + number) & 0xffff);
  header.setUint32(4, (2 ** 32 - 5_000 + ticks) >>> 0);
  header.setUint32(8, 42);
  packet.set(payload, 12);
  return packet;
}

/** Sends packet `number` of the voice each 20 ms, those that `how` lets through. */
async function speak(from: number, to: number, how: (number: number) => readonly number[] = (number) => [number]): Promise<void> {
  for (let number = from; number < to; number += 1) {
    for (const each of how(number)) microphone.hear(rtp(each, voice[each] ?? DTX));
    await clock.advance(20);
  }
}

const ms = (some = chunks): number => some.reduce((sum, { samples }) => sum + samples.length, 0) / MS;
const sound = (): Int16Array => Int16Array.from(chunks.flatMap(({ samples }) => [...samples]));
const neverGoesBack = (): boolean => chunks.every(({ at }, index) => at >= (chunks[index - 1]?.at ?? 0) && at <= clock.now());

describe('a microphone', () => {
  test('is heard packet by packet, at once, over the end of both counts', async () => {
    await speak(0, 50);
    expect(ms()).toBe(1_000);
    expect(chunks.map(({ at }) => at)).toEqual(chunks.map((_, index) => 1_000 + 20 * index));
    expect(chunks.some(({ concealed }) => concealed)).toBe(false);
    expect(loudness(sound().subarray(3_200))).toBeGreaterThan(3_000);
  });

  test('goes on over lost packets with a guess as long as they were', async () => {
    await speak(0, 50, (number) => (number === 20 || number === 30 || number === 31 ? [] : [number]));
    expect(ms()).toBe(1_000);
    expect(ms(chunks.filter(({ concealed }) => concealed))).toBe(60);
    // No click and no hole: what is guessed is about as loud as what is heard.
    const hole = sound().subarray(400 * MS, 420 * MS);
    expect(loudness(hole)).toBeGreaterThan(1_500);
    expect(neverGoesBack()).toBe(true);
  });

  test('puts what was overtaken in its place and hears what came twice once', async () => {
    const straight = spoken(50);
    await speak(0, 50, (number) =>
      number % 10 === 4 ? [] : number % 10 === 5 ? [number, number - 1, number - 1] : [number, number],
    );
    expect(ms()).toBe(1_000);
    expect(chunks.some(({ concealed }) => concealed)).toBe(false);
    const shuffled = sound();
    chunks.length = 0;
    const other = Microphone.open({ clock, log: createLog('silent'), metrics: createMetrics() });
    void read(other);
    straight.forEach((packet, number) => other.hear(rtp(number, packet)));
    await clock.advance(0);
    await other.close('heard');
    expect(shuffled).toEqual(sound());
  });

  test('goes on in silence, in time, where nothing is sent because nothing is said', async () => {
    await speak(0, 25);
    microphone.hear(rtp(25, DTX));
    for (let refresh = 1; refresh <= 10; refresh += 1) {
      await clock.advance(400);
      microphone.hear(rtp(25 + refresh, DTX, (25 + 20 * refresh) * 960));
    }
    await clock.advance(0);
    expect(Math.abs(ms() - 4_520)).toBeLessThanOrEqual(20);
    expect(chunks.some(({ concealed }) => concealed)).toBe(false);
    // It isn't told late either.
    expect(clock.now() - (chunks.at(-1)?.at ?? 0)).toBeLessThanOrEqual(60);
    expect(loudness(sound().subarray(-16_000))).toBeLessThan(10);
    for (let number = 36; number < 50; number += 1) {
      microphone.hear(rtp(number, voice[number] ?? DTX, (225 + number - 35) * 960));
      await clock.advance(20);
    }
    expect(loudness(sound().subarray(-3_200))).toBeGreaterThan(3_000);
    expect(neverGoesBack()).toBe(true);
  });

  test('a network that stands still for a moment costs no word; what comes late is heard late', async () => {
    await speak(0, 25);
    await clock.advance(280);
    for (let number = 25; number < 40; number += 1) microphone.hear(rtp(number, voice[number] ?? DTX));
    await speak(40, 50);
    const made = ms(chunks.filter(({ concealed }) => concealed));
    expect(made).toBeGreaterThan(100);
    expect(ms()).toBe(1_000 + made);
    expect(neverGoesBack()).toBe(true);
  });

  test('a network that is gone leaves silence, as long as it is gone', async () => {
    await speak(0, 25);
    await clock.advance(5_000);
    expect(Math.abs(ms() - 5_500)).toBeLessThanOrEqual(80);
    expect(chunks.slice(30).every(({ concealed }) => concealed)).toBe(true);
    expect(loudness(sound().subarray(-16_000))).toBe(0);
    // Not all that was missing is made up once more.
    await speak(300, 301);
    expect(Math.abs(ms() - 5_520)).toBeLessThanOrEqual(80);
  });

  test('timestamps from nowhere bring no more sound than time has passed', async () => {
    await speak(0, 10);
    for (let number = 10; number < 20; number += 1) {
      microphone.hear(rtp(number, voice[number] ?? DTX, number * 100_000_000));
      await clock.advance(20);
    }
    expect(ms()).toBe(400);
  });

  test('garbage is counted, and the sound goes on', async () => {
    await speak(0, 10);
    for (const data of [[], [1, 2, 3], [...rtp(10, Uint8Array.of(0xff, 0xff, 0xff))], Array<number>(1_400).fill(0x90)])
      microphone.hear(Uint8Array.from(data));
    await clock.advance(20);
    await speak(11, 50);
    expect(ms()).toBe(1_000);
    expect(ms(chunks.filter(({ concealed }) => concealed))).toBe(20);
    await microphone.close('enough');
    expect(lines.at(-1)).toMatchObject({ msg: 'microphone closed', reason: 'enough', garbage: 4 });
  });

  test('a blocked event loop conceals nothing that has come meanwhile', async () => {
    await speak(0, 25);
    clock.block(500);
    // Timers are first when the loop goes on; what the network brought comes after them.
    const passed = clock.advance(0);
    for (let number = 25; number < 50; number += 1) microphone.hear(rtp(number, voice[number] ?? DTX));
    await passed;
    expect(ms(chunks.filter(({ concealed }) => concealed))).toBe(0);
    expect(ms()).toBe(1_000);
  });

  test('keeps only the last seconds where nobody reads, and says so', async () => {
    const unread = Microphone.open({
      clock,
      log: createLog('info', { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) }),
      metrics: createMetrics(),
    });
    for (let number = 0; number < 100; number += 1) {
      unread.hear(rtp(number, voice[number] ?? DTX));
      await clock.advance(20);
    }
    await clock.advance(5_000);
    await unread.close('unread');
    expect(Number(lines.at(-1)?.['unread'])).toBeGreaterThan(100);
    chunks.length = 0;
    await read(unread);
    expect(chunks.length).toBe(150);
  });

  test('who sends more than anybody can say is heard no further', () => {
    for (let number = 0; number < 2_000; number += 1) microphone.hear(rtp(number, voice[number % 100] ?? DTX));
    expect(ms([...chunks])).toBeLessThan(6_000);
  });

  test('ends when it is closed, after what was heard, and leaves no timer', async () => {
    await speak(0, 3);
    const before = chunks.length;
    await Promise.all([microphone.close('off'), microphone.close('off again')]);
    microphone.hear(rtp(3, voice[3] ?? DTX));
    await clock.advance(1_000);
    expect(chunks.length).toBe(before);
  });
});
