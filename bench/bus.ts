import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import type { Bus, Claim } from '#server/bus/bus.ts';
import { MemoryBus } from '#server/bus/memory-bus.ts';
import { RedisBus } from '#server/bus/redis/redis-bus.ts';
import { RedisServer } from '#test/support/redis.ts';
import { percentile, round, type BenchResult } from './bench.ts';

const QUEUE = 'bench';
/** A lease with its token is about so long. */
const BODY = { token: 'x'.repeat(1_200) };
const LEASES = 1_000;
/** Each put when the one before is done, as an utterance follows another. */
const CALM = 300;
const TAKERS = 4;
/** ms from putting to having, for a worker that waits. */
const SOON = 50;

interface Figures {
  readonly perSecond: number;
  readonly put: readonly number[];
  readonly had: readonly number[];
  readonly standing: readonly number[];
}

/** `npm run bench bus`: what a lease costs by Redis, against the same in this process. */
export async function run(): Promise<BenchResult> {
  const memory = await figures(() => Promise.resolve(new MemoryBus()));
  const lax = await byRedis({ appendfsync: 'everysec' });
  const kept = await byRedis({});
  const row = (bus: string, { perSecond, put, had, standing }: Figures) => ({
    bus,
    'leases a second': round(perSecond, 0),
    'memory : this': round(memory.perSecond / perSecond, 0),
    'put p50 / p95 ms': both(put),
    'put → had p50 / p95 ms': both(had),
    'standing p50 / p95 ms': both(standing),
  });
  return {
    what: `Leases of ${String(BODY.token.length)} characters over the bus. A second: put, taken, kept and done, ${String(LEASES)} at once among ${String(TAKERS)} workers. Then ${String(CALM)} one after the other: until the put is acknowledged, until a waiting worker has it, and how long the place behind 50 others takes to tell. Redis runs on this machine; each worker has a connection of its own.`,
    goal: `Redis, kept on disk before it is acknowledged: a waiting worker has a lease within ${String(SOON)} ms (p95)`,
    met: percentile(kept.had, 0.95) <= SOON,
    rows: [row('memory', memory), row('redis, appendfsync everysec', lax), row('redis, appendfsync always', kept)],
  };
}

async function byRedis(settings: Readonly<Record<string, string>>): Promise<Figures> {
  const server = await RedisServer.start(settings);
  try {
    return await figures(() => RedisBus.open({ url: server.url, clock: systemClock, log: silentLog }));
  } finally {
    await server.close();
  }
}

async function figures(open: () => Promise<Bus>): Promise<Figures> {
  const bus = await open();
  const over = new AbortController();
  /** What to do with the next claim of an id, once it is had. */
  const wanted = new Map<string, () => void>();
  const put: number[] = [];
  const work = async ({ id, keep, done }: Claim): Promise<void> => {
    wanted.get(id)?.();
    await keep();
    await done();
  };
  const taking = Array.from({ length: TAKERS }, async (_, n) => {
    for await (const claim of bus.take(QUEUE, `worker ${String(n)}`, over.signal)) await work(claim);
  });
  const lease = async (id: string): Promise<number> => {
    const had = new Promise<number>((resolve) => wanted.set(id, () => resolve(performance.now())));
    const start = performance.now();
    await bus.put(QUEUE, { id, traceId: '', body: BODY });
    put.push(performance.now() - start);
    return (await had) - start;
  };
  await lease('warm');
  const start = performance.now();
  await Promise.all(Array.from({ length: LEASES }, (_, n) => lease(`crowd ${String(n)}`)));
  const perSecond = (LEASES * 1_000) / (performance.now() - start);
  put.length = 0;
  const had: number[] = [];
  for (let n = 0; n < CALM; n += 1) had.push(await lease(`calm ${String(n)}`));
  over.abort();
  await Promise.all(taking);
  const standing = await standings(bus);
  await bus.close('measured');
  return { perSecond, put: [...put], had, standing };
}

async function standings(bus: Bus): Promise<number[]> {
  for (let n = 0; n < 51; n += 1) await bus.put(QUEUE, { id: `waits ${String(n)}`, traceId: '', body: BODY });
  const took: number[] = [];
  for (let n = 0; n < CALM; n += 1) {
    const start = performance.now();
    await bus.standing(QUEUE, 'waits 50');
    took.push(performance.now() - start);
  }
  return took;
}

const both = (values: readonly number[]): string =>
  [0.5, 0.95].map((share) => String(round(percentile(values, share), 2))).join(' / ');
