import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '#base/log.ts';
import { MS_PER_FRAME, TICKS_PER_FRAME, type AvFrame, type Packet, type VideoFrame } from '#base/media.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { movingPicture } from '#test/fixtures/moving-picture.ts';
import { VideoDecoder } from './decoder.ts';
import { IdleLoop } from './idle-loop.ts';
import { Pictures } from './pictures.ts';
import { difference, thumbnail } from './thumbnails.ts';

const SIZE = { width: 128, height: 128 };
/** Speech is bright, so that every part of the idle face in a picture shows. */
const BRIGHT: VideoFrame = { ...SIZE, data: new Uint8Array((128 * 128 * 3) / 2).fill(200) };
/** From the first missing picture, ms. */
const WITHIN = 100;

let loop: IdleLoop;
beforeAll(async () => {
  const frames = Array.from({ length: 25 }, (_, at) => movingPicture(SIZE, at / 25));
  const source = async function* () {
    yield* await Promise.resolve(frames);
  };
  loop = await IdleLoop.build(source(), SIZE, new AbortController().signal);
});
afterAll(() => loop.close());

const spoken = (frame: number, picture: VideoFrame | undefined): AvFrame => ({
  frame,
  clause: { index: 0, text: '' },
  startOfClause: frame === 0,
  endOfClause: false,
  sound: new Int16Array(TICKS_PER_FRAME),
  picture,
});

/** What a viewer sees at each instant: how far it is from the last spoken picture. */
async function shown(packets: readonly Packet[], frames: number): Promise<number[]> {
  const decoder = await VideoDecoder.open(SIZE);
  const bright = thumbnail(BRIGHT);
  const seen: number[] = [];
  let now = Number.NaN;
  for (let frame = 0; frame < frames; frame += 1) {
    const packet = packets.find(({ ticks }) => ticks === frame * TICKS_PER_FRAME);
    const picture = packet && (await decoder.decode(packet.data));
    if (picture) now = difference(bright, thumbnail(picture));
    seen.push(now);
  }
  await decoder.close();
  return seen;
}

describe('pictures', () => {
  it.each([1, 2, 3, 10, 25])(
    'show the idle face within 100 ms of the first missing one, and the speech again once it is drawn: %i missing',
    async (missing) => {
      const packets: Packet[] = [];
      const emit = (packet: Packet): void => void packets.push(packet);
      const pictures = new Pictures({ idle: loop, stamped: false, metrics: createMetrics(), log: silentLog, emit });
      const [first, end] = [20, 60];
      const gone = (frame: number): boolean => frame >= first && frame < first + missing;
      pictures.turning(0, 'speech', undefined);
      for (let frame = 0; frame < end; frame += 1) {
        pictures.release(frame, spoken(frame, gone(frame) ? undefined : BRIGHT), false);
        // One after the other, as the clock releases them; what is held back makes no packet.
        for (let tries = 0; tries < 20 && packets.at(-1)?.ticks !== frame * TICKS_PER_FRAME; tries += 1) await sleep(2);
      }
      await pictures.close();
      const seen = await shown(packets, end);
      const idle = seen.findIndex((away, frame) => frame >= first && away > 5);
      if (missing < 3) expect(idle).toBe(-1);
      else expect((idle - first) * MS_PER_FRAME).toBeLessThanOrEqual(WITHIN);
      expect(seen.at(-1)).toBeLessThan(5);
    },
  );
});
