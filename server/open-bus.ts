import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Bus } from './bus/bus.ts';
import { MemoryBus } from './bus/memory-bus.ts';
import { RedisBus } from './bus/redis/redis-bus.ts';
import type { Metrics } from './telemetry/metrics.ts';

interface Around {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The bus that is configured: Redis where there is an address of one, else this process's own. Throws AvatarError `bus_failed` when Redis refuses us. */
export function openBus(redisUrl: string | undefined, { clock, log, metrics }: Around): Promise<Bus> {
  if (redisUrl === undefined) return Promise.resolve(new MemoryBus(clock));
  const told = (call: string, ms: number, failure = 'ok'): void =>
    metrics.busCallMs.observe({ call: call.replaceAll(' ', '_'), outcome: failure }, ms);
  return RedisBus.open({ url: redisUrl, clock, log, told });
}

/** Publishes how much work waits in `queue`. Returns its end. */
export function countWaiting(bus: Bus, queue: string, { waitingWork }: Metrics): () => void {
  const count = async (): Promise<number> => (await bus.depth(queue)).waiting;
  waitingWork.add(count);
  return () => void waitingWork.delete(count);
}
