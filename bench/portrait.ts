import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { FPS, RENDERER_SAMPLES_PER_FRAME, type Window } from '#base/media.ts';
import { avatars } from '#server/avatars/catalogue.ts';
import { portraitRenderer } from '#server/render/portrait.ts';
import type { Geometry, Renderer } from '#server/render/renderer.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { percentile, round, type BenchResult } from './bench.ts';

const SECONDS = 10;
const FIRST_WINDOWS = 20;

/** A voice-like buzz: what is drawn costs the same whatever is said. */
async function* buzz(geometry: Geometry, windows: number): AsyncGenerator<Window, void, undefined> {
  const { freshFrames, overlapFrames } = geometry;
  for (let index = 0; index < windows; index += 1) {
    await Promise.resolve();
    const samples = Int16Array.from(
      { length: (freshFrames + overlapFrames) * RENDERER_SAMPLES_PER_FRAME },
      (_, at) => 12_000 * ((((at * 150) / 16_000) % 1) - 0.5),
    );
    const clause = { index: 0, text: 'buzz' };
    yield { index, startFrame: index * freshFrames, freshFrames, overlapFrames, samples, clause, endOfClause: false };
  }
}

/** Speaks so many windows: how long the first picture and all of them took, and the CPU time of this process with its threads, ms. */
async function speak(renderer: Renderer, avatar: string, windows: number): Promise<{ first: number; all: number; cpu: number }> {
  const start = systemClock.now();
  const before = process.cpuUsage();
  let first: number | undefined;
  const frames = renderer.render(buzz(renderer.geometry, windows), { avatar, idleFrame: 0 }, new AbortController().signal);
  for await (const _frame of frames) first ??= systemClock.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { first: first ?? Number.NaN, all: systemClock.now() - start, cpu: (user + system) / 1_000 };
}

/** `npm run bench portrait`: how much faster than real time the portrait is drawn on its one thread. */
export async function run(): Promise<BenchResult> {
  const size = { width: 512, height: 512 };
  const start = systemClock.now();
  const renderer = await portraitRenderer({
    avatars: avatars(),
    size,
    log: silentLog,
    clock: systemClock,
    metrics: createMetrics(),
  });
  const ready = systemClock.now() - start;
  const windows = Math.ceil((SECONDS * FPS) / renderer.geometry.freshFrames);
  const rows: Record<string, string | number>[] = [];
  const firsts: number[] = [];
  const perCore: number[] = [];
  for (const { id } of avatars()) {
    await speak(renderer, id, 5);
    const { all, cpu } = await speak(renderer, id, windows);
    for (let at = 0; at < FIRST_WINDOWS; at += 1) firsts.push((await speak(renderer, id, 1)).first);
    const seconds = (windows * renderer.geometry.freshFrames) / FPS;
    perCore.push((seconds * 1_000) / cpu);
    rows.push({ measure: `${id}: seconds drawn per second of CPU`, value: round((seconds * 1_000) / cpu) });
    rows.push({ measure: `${id}: seconds drawn per second passed`, value: round((seconds * 1_000) / all) });
  }
  await renderer.close('bench over');
  rows.push({ measure: 'first window to first picture, p50 ms', value: round(percentile(firsts, 0.5)) });
  rows.push({ measure: 'first window to first picture, p95 ms', value: round(percentile(firsts, 0.95)) });
  rows.push({ measure: 'created to ready, ms', value: round(ready, 0) });
  return {
    what: `The portrait at ${size.width}×${size.height}: windows in → I420 pictures out, one thread, colour conversion included.`,
    goal: 'at least 3 times real time on one core',
    met: Math.min(...perCore) >= 3,
    rows,
  };
}
