import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { openVad } from '#server/listening/vad.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { percentile, round, threadSeconds, type BenchResult } from './bench.ts';

const GOAL = 20;
const FRAME = 512;
const FRAME_MS = 32;
/** Frames each microphone has heard in all. */
const FRAMES = 300;
const CROWDS = [1, 20, 50];

/** A voice-like buzz that comes and goes, another one for each microphone: what is heard costs the same whatever it is. */
const frame = (microphone: number, index: number): Int16Array =>
  Int16Array.from({ length: FRAME }, (_, at) => {
    const time = index * FRAME + at;
    return (index % 40 < 25 ? 9_000 : 30) * ((((time * (110 + microphone)) / 16_000) % 1) - 0.5);
  });

/** `npm run bench vad`: how many microphones one core listens to, by the CPU time that the thread takes for what they say. */
export async function run(): Promise<BenchResult> {
  const vad = openVad({ clock: systemClock, log: silentLog, metrics: createMetrics() });
  const rows: Record<string, string | number>[] = [];
  const perCore: number[] = [];
  let readyMs = 0;
  try {
    const first = vad.open();
    const start = systemClock.now();
    await first.hear(frame(0, 0));
    readyMs = systemClock.now() - start;
    for (const microphones of CROWDS) {
      const { cpu, answers } = await listen(vad, microphones);
      const spoken = (microphones * FRAMES * FRAME_MS) / 1_000;
      perCore.push(spoken / cpu);
      rows.push({
        microphones,
        'microphones per core': round(spoken / cpu, 0),
        'ms of CPU per frame': round((cpu * 1_000) / (microphones * FRAMES), 3),
        'answer p50 ms': round(percentile(answers, 0.5)),
        'answer p95 ms': round(percentile(answers, 0.95)),
      });
    }
  } finally {
    await vad.close('bench over');
  }
  return {
    what:
      `Voice detection (Silero 5) on its one thread: 32 ms frames of so many microphones that speak at once, as fast as they are answered; ` +
      `seconds of sound heard per second of the thread's CPU time. The first answer came ${round(readyMs, 0)} ms after the thread was asked for.`,
    goal: `at least ${GOAL} microphones per core`,
    met: Math.min(...perCore) >= GOAL,
    rows,
  };
}

/** CPU seconds that the thread took, and how long each answer did, ms. */
async function listen(vad: ReturnType<typeof openVad>, microphones: number): Promise<{ cpu: number; answers: number[] }> {
  const streams = Array.from({ length: microphones }, () => vad.open());
  const answers: number[] = [];
  const frames = Array.from({ length: microphones }, (_, microphone) =>
    Array.from({ length: 40 }, (_, index) => frame(microphone, index)),
  );
  const before = threadSeconds(process.pid, 'vad');
  for (let index = 0; index < FRAMES; index += 1) {
    const asked = systemClock.now();
    await Promise.all(
      streams.map(async (stream, microphone) => {
        await stream.hear(frames[microphone]?.[index % 40] as Int16Array);
        answers.push(systemClock.now() - asked);
      }),
    );
  }
  for (const stream of streams) stream.close();
  return { cpu: threadSeconds(process.pid, 'vad') - before, answers };
}
