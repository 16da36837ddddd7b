import { createCanvas } from '@napi-rs/canvas';
import { createHash } from 'node:crypto';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { FPS, type Window } from '#base/media.ts';
import type { PictureFormat } from '#protocol/frame-link.ts';
import { RedisBus } from '#server/bus/redis/redis-bus.ts';
import type { RemoteRenderer } from '#server/render/remote/remote.ts';
import { buzz } from '#test/contract/renderer.contract.ts';
import { RedisServer } from '#test/support/redis.ts';
import { openRenderer } from '#test/support/render-farm.ts';
import { startRenderWorker } from '#test/support/render-worker.ts';
import { percentile, round, type BenchResult } from './bench.ts';

const SIZE = { width: 512, height: 512 };
const FORMATS: readonly PictureFormat[] = ['i420', 'jpeg', 'h264'];
/** Windows of the engine's usual geometry: 72 pictures each. */
const WINDOWS = 6;
const ANSWERS = 20;
/** A lease shall be with a worker that waits before the first sound of an answer is there, ms. */
const SOON = 100;
/** Times real time that raw pictures are carried at, so that several fast engines fit one link. */
const TIMES = 4;

const asked = (): { avatar: string; idleFrame: number } => ({ avatar: 'bench', idleFrame: 0 });
const both = (values: readonly number[]): string => `${round(percentile(values, 0.5))} / ${round(percentile(values, 0.95))}`;

/** `npm run bench link`: what the frame link carries, and what it adds, with an engine that takes no time. */
export async function run(): Promise<BenchResult> {
  const redis = await RedisServer.start();
  const worker = await startRenderWorker(redis.url, { STANDIN_RTF: '0', STANDIN_SIZES: '512x512', LOG_LEVEL: 'info' });
  try {
    const rows = [];
    for (const format of FORMATS) rows.push(await measure(redis.url, format));
    const raw = rows[0];
    return {
      what: `A worker's process on this machine, which paints pictures of ${SIZE.width}×${SIZE.height} by numpy as fast as it can, and the renderer that takes them: ${WINDOWS} windows of 72 pictures, then ${ANSWERS} answers of one picture each. Painting, packing, the link and decoding are all in it; the formats are forced one by one.`,
      goal: `raw pictures at ≥ ${TIMES} times real time; from asking to the first picture p95 ≤ ${SOON} ms`,
      met: raw !== undefined && raw.perSecond >= TIMES * FPS && raw.soon <= SOON,
      rows: rows.map(({ row }) => row),
    };
  } finally {
    await worker.stop();
    await redis.close();
  }
}

async function measure(url: string, format: PictureFormat) {
  const bus = await RedisBus.open({ url, clock: systemClock, log: silentLog });
  const image = createCanvas(512, 512).toBuffer('image/png');
  const hash = createHash('sha256').update(image).digest('hex');
  const likeness = () => Promise.resolve({ id: 'bench', prompt: '', hash, mime: 'image/png' as const, image });
  const { renderer, close } = await openRenderer(bus, { engine: 'standin', size: SIZE, formats: [format], likeness });
  try {
    await draw(renderer, 1);
    const { pictures, tookMs, firsts } = await draw(renderer, WINDOWS);
    const waits: number[] = [];
    for (let answer = 0; answer < ANSWERS; answer += 1) waits.push((await draw(renderer, 1, 1)).tookMs);
    const perSecond = (pictures * 1_000) / tookMs;
    const row = {
      format,
      'pictures a second': round(perSecond, 0),
      'times real time': round(perSecond / FPS),
      'MB/s as I420': round((perSecond * SIZE.width * SIZE.height * 1.5) / 1e6, 0),
      'window → first picture p50 / p95 ms': both(firsts),
      'answer asked → its picture (lease, dial, link) p50 / p95 ms': both(waits),
    };
    return { row, perSecond, soon: percentile(waits, 0.95) };
  } finally {
    await close();
  }
}

/** Draws an utterance, of `fresh` frames a window where not whole ones. */
async function draw(renderer: RemoteRenderer, windows: number, fresh?: number) {
  const since = performance.now();
  const begun: number[] = [];
  const firsts: number[] = [];
  let pictures = 0;
  const source = async function* (): AsyncGenerator<Window, void, undefined> {
    for await (const window of buzz({ ...renderer.geometry, freshFrames: fresh ?? renderer.geometry.freshFrames }, windows)) {
      begun.push(performance.now());
      const { lookAheadFrames = 0 } = renderer.geometry;
      yield { ...window, ahead: new Int16Array(lookAheadFrames * 640), endOfClause: window.index === windows - 1 };
    }
  };
  for await (const _frame of renderer.render(source(), asked(), new AbortController().signal)) {
    pictures += 1;
    if (firsts.length < begun.length) firsts.push(performance.now() - (begun.at(-1) ?? 0));
  }
  return { pictures, tookMs: performance.now() - since, firsts };
}
