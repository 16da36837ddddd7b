import { afterAll } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { MemoryBus } from '#server/bus/memory-bus.ts';
import { RedisBus } from '#server/bus/redis/redis-bus.ts';
import { RedisServer } from '../support/redis.ts';
import { busContract, type Medium } from './bus.contract.ts';

const servers: RedisServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.close())));

async function redis(between: (server: RedisServer) => Promise<void>): Promise<Medium> {
  const server = await RedisServer.start();
  servers.push(server);
  return {
    open: (limits) => RedisBus.open({ url: server.url, clock: systemClock, log: silentLog, limits }),
    between: () => between(server),
  };
}

busContract('MemoryBus', async () => {
  let bus: MemoryBus | undefined;
  return {
    // Whoever asks sees the same; a closed one is followed by an empty one.
    open: async (limits) => (bus = bus?.reachable ? bus : new MemoryBus(systemClock, limits)),
    between: () => Promise.resolve(),
  };
});
busContract('RedisBus', () => redis(() => Promise.resolve()));
busContract('RedisBus whose server is killed and started again in between', () =>
  redis(async (server) => {
    await server.kill();
    await server.again();
  }),
);
