import { SEEN_THROUGH, seekLeaks } from '#test/support/leaks.ts';
import { startServer } from '#test/support/server.ts';
import { round, type BenchResult } from './bench.ts';

/** Of each way to use and leave a session: 210 sessions a round. */
const TIMES = 15;
const ROUNDS = 3;
const MB = 2 ** 20;

/** The long run of test/e2e/leaks.test.ts. */
export async function run(): Promise<BenchResult> {
  const server = await startServer(SEEN_THROUGH);
  try {
    const { readings, grown, each, sessions } = await seekLeaks(server, TIMES, ROUNDS);
    const [first, last] = [readings[0]?.counts ?? {}, readings.at(-1)?.counts ?? {}];
    const names = new Set([...Object.keys(first), ...Object.keys(last)]);
    const changed = [...names].filter((name) => first[name] !== last[name]);
    return {
      what: `${sessions} sessions, six at a time, used and left in every way, and what is left of them: what is counted (processes, threads, descriptors, timers, SFU objects, objects of ours) and memory after a full garbage collection. What grew is looked at again after as many more, since an allocator stops growing and a leak does not.`,
      goal: 'all that is counted is what it was; memory grows by less than 5 % in 200 sessions',
      met: grown === undefined && changed.length === 0,
      rows: readings.map(({ memory }, at) => ({
        sessions: at === 0 ? 'the first ones' : `${each} more`,
        'server MB': round(memory.server / MB),
        'worker MB': round(memory.workers / MB),
        'heap MB': round(memory.heapUsed / MB),
        'outside the heap MB': round(memory.arrayBuffers / MB),
        'counts changed': at < readings.length - 1 ? '' : changed.join(', ') || 'none',
      })),
    };
  } finally {
    await server.stop();
  }
}
