import { setTimeout as sleep } from 'node:timers/promises';
import OpusScript from 'opusscript';
import { expect, onTestFinished, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { createLog } from '#base/log.ts';
import { EAR_RATE, TICKS_PER_FRAME, i420Bytes, type AvFrame } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { IdleLoop } from './idle-loop.ts';
import { DUCKED_AT_MOST } from './playout.ts';
import { parseRtp } from './rtp.ts';
import { Stage } from './stage.ts';
import type { Speech } from './types.ts';

const SIZE = { width: 32, height: 32 };
/** Hz, one per utterance: what a packet holds is told by its pitch. */
const PITCHES = [440, 1_400, 3_100] as const;

async function* grey() {
  for (let frame = 0; frame < 25; frame += 1) yield { ...SIZE, data: new Uint8Array(i420Bytes(SIZE)).fill(128) };
}

/** With a gap every eighth frame. @param freed collects the frames whose picture the stage let go; it then is empty, so that showing it fails */
function tone(pitch: number, frames: number, freed?: number[]): Speech {
  const outlook = new Outlook(0.1);
  outlook.hear(frames * TICKS_PER_FRAME, true);
  outlook.draw(frames);
  outlook.ended = true;
  async function* read(): AsyncGenerator<AvFrame> {
    for (let frame = 0; frame < frames; frame += 1) {
      const sound = Int16Array.from(
        { length: TICKS_PER_FRAME },
        (_, i) => (frame % 8 < 7 ? 8_000 : 0) * Math.sin((2 * Math.PI * pitch * (frame * TICKS_PER_FRAME + i)) / EAR_RATE),
      );
      const clause = { index: 0, text: 'A clause.' };
      const grey = { ...SIZE, data: new Uint8Array(i420Bytes(SIZE)).fill(100 + (frame % 50)) };
      const picture = freed && { ...grey, free: () => void (grey.data.buffer.transfer(0), freed.push(frame)) };
      yield { frame, sound, clause, startOfClause: frame === 0, endOfClause: frame === frames - 1, picture };
    }
  }
  return { utteranceId: String(pitch), frames: read(), outlook };
}

async function onAir() {
  const clock = new VirtualClock();
  const loop = await IdleLoop.build(grey(), SIZE, new AbortController().signal);
  onTestFinished(() => loop.close());
  const packets: Uint8Array[] = [];
  const complaints: string[] = [];
  const stage = Stage.create({
    idle: loop,
    producers: {
      videoSsrc: 1,
      audioSsrc: 2,
      sendVideo: () => undefined,
      sendAudio: (packet) => packets.push(packet),
      onKeyframeRequest: () => undefined,
    },
    stamped: false,
    clock,
    log: createLog('warn', { write: (line) => complaints.push(line) }),
    metrics: createMetrics(),
  });
  onTestFinished(() => stage.close('test over'));
  return { clock, stage, packets, complaints };
}

/** How much of a pitch is in 20 ms, as an amplitude (Goertzel). */
function amplitude(samples: Int16Array, pitch: number): number {
  const turn = 2 * Math.cos((2 * Math.PI * pitch) / EAR_RATE);
  let [one, two] = [0, 0];
  for (const sample of samples) [one, two] = [sample + turn * one - two, one];
  return (2 * Math.sqrt(Math.max(0, one * one + two * two - turn * one * two))) / samples.length;
}

test('in the packets that are sent, nothing of an utterance that was cut follows the one that fades it out', async () => {
  const { clock, stage, packets } = await onAir();
  const own: { at: number; peak: number }[] = [];
  const stop = stage.hearOwn((samples, at) => own.push({ at, peak: Math.max(...samples) }));
  const cuts: { pitch: number; at: number }[] = [];
  // Straight from one into the next, cut while it speaks, while it is ducked, and just after it was unducked.
  for (const [n, pitch] of [...PITCHES, ...PITCHES].entries()) {
    const over = stage.play(tone(pitch, 200));
    await clock.advance(613 + 7 * n);
    if (n % 3 > 0) stage.duck();
    await clock.advance(n % 3 > 0 ? 300 : 0);
    if (n % 3 > 1) stage.unduck();
    await clock.advance(n % 3 > 1 ? 31 : 0);
    stage.cut();
    cuts.push({ pitch, at: packets.length });
    expect((await over).outcome).toBe('interrupted');
  }
  await clock.advance(500);
  stop();
  const decoder = new OpusScript(EAR_RATE, 1);
  const heard = packets.map((packet) => {
    const pcm = decoder.decode(Buffer.from(parseRtp(packet)?.payload ?? new Uint8Array()));
    const samples = new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2);
    return PITCHES.map((pitch) => amplitude(samples, pitch));
  });
  for (const [n, { pitch, at }] of cuts.entries()) {
    const of = (packet: readonly number[]): number => packet[PITCHES.indexOf(pitch as 440)] ?? 0;
    const [begun, next] = [cuts[n - 1]?.at ?? 0, cuts[n + PITCHES.length]];
    expect(Math.max(...heard.slice(begun, at).map(of))).toBeGreaterThan(4_000);
    // The decoder still rings for some ms in the packet after the fade.
    for (const packet of heard.slice(at + 2, next ? cuts[n + PITCHES.length - 1]?.at : undefined))
      expect(of(packet)).toBeLessThan(400);
  }
  // The echo guard is told of what was sent, when it was sent, and of no silence.
  expect(own.length).toBeGreaterThan(100);
  expect(own.length).toBeLessThan(packets.length);
  expect(own.filter(({ peak }) => peak > 4_000).length).toBeGreaterThan(100);
  own.slice(1).forEach(({ at }, n) => expect(at - (own[n]?.at ?? 0)).toBeGreaterThanOrEqual(20 - 1e-6));
});

test('a voice that comes back brings its pictures, those that were shown before too', async () => {
  const { clock, stage, complaints } = await onAir();
  const freed: number[] = [];
  const said = stage.play(tone(440, 60, freed));
  for (const ms of [700, 300, 250, 90, 500]) {
    await clock.advance(ms);
    stage.duck();
    await clock.advance(200);
    stage.unduck();
  }
  await clock.advance(5_000);
  expect((await said).outcome).toBe('done');
  await stage.close('said');
  expect(complaints).toEqual([]);
  expect(freed.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 59 }, (_, frame) => frame));
});

test('pictures of a voice that may come back are kept, and let go once it can not', async () => {
  const { clock, stage } = await onAir();
  const freed: number[] = [];
  const over = stage.play(tone(440, 200, freed));
  await clock.advance(1_000);
  stage.duck();
  await clock.advance(200);
  // Let go once they are encoded, which takes real time.
  await expect.poll(() => freed.at(-1), { interval: 50 }).toBeGreaterThan(10);
  await sleep(200);
  const kept = freed.length;
  stage.cut();
  await over;
  await clock.advance(DUCKED_AT_MOST);
  expect(freed.length).toBe(kept);
  await clock.advance(DUCKED_AT_MOST + 500);
  await expect.poll(() => freed.length).toBe(kept + 9);
});
