import { z } from 'zod';
import { sleep } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import { BUS_LIMITS, type Bus, type BusLimits, type Claim, type Depth, type Presence, type Standing, type Work } from '../bus.ts';
import { claims, parsed } from './claims.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import { keysOf, type Keys } from './keys.ts';

/** Until a call must have been answered, ms: an utterance waits no longer for its renderer's slot. */
const PATIENCE = 2_000;
/** How long a listener waits for the next notice at a time, ms. */
const LISTEN = 1_000;

const Stood = z.union([
  z.tuple([z.literal('waiting'), z.number()]).transform(([state, ahead]) => ({ state, ahead })),
  z.tuple([z.literal('taken'), z.string(), z.number()]).transform(([state, taker, tries]) => ({ state, taker, tries })),
  z.tuple([z.enum(['parked', 'gone'])]).transform(([state]) => ({ state })),
]);
const Counts = z.tuple([z.number(), z.number(), z.number()]);
const Entries = z.array(z.tuple([z.string(), z.array(z.string())]));
const Read = z.tuple([z.tuple([z.string(), Entries])]).nullable();

export interface RedisBusOptions extends Omit<ConnectionOptions, 'patience'> {
  readonly patience?: number;
  readonly limits?: BusLimits;
}

/** The bus by Redis Streams (docs/frame-link.md). Each taker and each listener has a connection of its own, since it blocks. */
export class RedisBus implements Bus {
  readonly name = 'redis';
  readonly #options: ConnectionOptions;
  readonly #limits: BusLimits;
  readonly #life = new Lifetime();
  readonly #main: Connection;

  private constructor(main: Connection, options: ConnectionOptions, limits: BusLimits) {
    this.#main = main;
    this.#options = options;
    this.#limits = limits;
    this.#life.defer((reason) => this.#main.close(reason));
  }

  /** Waits for the connection for as long as a call would. Throws AvatarError `bus_failed` when it is refused; goes on when it may still come. */
  static async open({ patience = PATIENCE, limits = BUS_LIMITS, ...given }: RedisBusOptions): Promise<RedisBus> {
    const options = { ...given, patience };
    const bus = new RedisBus(Connection.open(options), options, limits);
    try {
      await bus.#main.call('answer', (redis) => redis.ping());
    } catch (error) {
      if (bus.#main.trouble !== 'refused') return bus;
      await bus.close('refused');
      throw error;
    }
    return bus;
  }

  get reachable(): boolean {
    return this.#main.ready;
  }

  async put(queue: string, { id, traceId, body }: Work): Promise<boolean> {
    const { work, id: key } = keysOf(queue);
    return (await this.#main.call('put', (redis) => redis.busPut(work, key(id), id, traceId, JSON.stringify(body)))) === 1;
  }

  async *take(queue: string, taker: string, signal: AbortSignal): AsyncGenerator<Claim, void, undefined> {
    const { clock, log } = this.#options;
    yield* this.#reading(signal, (reader, over) =>
      claims({ keys: keysOf(queue), taker, reader, bus: this.#main, limits: this.#limits, clock, log }, over),
    );
  }

  async standing(queue: string, id: string): Promise<Standing> {
    const { work, id: key } = keysOf(queue);
    return Stood.parse(await this.#main.call('locate', (redis) => redis.busStanding(work, key(id), this.#limits.claimAfter)));
  }

  async depth(queue: string): Promise<Depth> {
    const keys = keysOf(queue);
    const reply = await this.#main.call('count', (redis) => redis.busDepth(keys.work, keys.parked, this.#limits.claimAfter));
    const [waiting, taken, parked] = Counts.parse(reply);
    return { waiting, taken, parked };
  }

  async release(queue: string, id: string, taker?: string): Promise<void> {
    const keys = keysOf(queue);
    const whose = taker === undefined ? [] : [taker];
    await this.#main.call('release', (redis) =>
      redis.busRelease(keys.work, keys.id(id), keys.parked, 0, this.#limits.maxTries, ...whose),
    );
  }

  async cancel(queue: string, id: string): Promise<void> {
    const keys = keysOf(queue);
    await this.#main.call('cancel', (redis) => redis.busCancel(keys.work, keys.id(id), keys.cancelled, id));
  }

  async *cancelled(queue: string, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    yield* this.#reading(signal, (reader, over) => this.#notices(keysOf(queue), reader, over));
  }

  async announce(queue: string, { id, body }: Presence, ttl: number): Promise<void> {
    const keys = keysOf(queue);
    await this.#main.call('announce', (redis) =>
      redis.multi().set(keys.taker(id), JSON.stringify(body), 'PX', ttl).sadd(keys.takers, id).exec(),
    );
  }

  async withdraw(queue: string, taker: string): Promise<void> {
    const keys = keysOf(queue);
    await this.#main.call('withdraw', async (redis) => {
      await redis.del(keys.taker(taker));
      await redis.busForget(keys.work, keys.takers, keys.taker(taker), taker);
    });
  }

  async takers(queue: string): Promise<readonly Presence[]> {
    const keys = keysOf(queue);
    return this.#main.call('list takers', async (redis) => {
      const ids = (await redis.smembers(keys.takers)).sort();
      const said = ids.length > 0 ? await redis.mget(ids.map(keys.taker)) : [];
      const gone = ids.filter((_, at) => said[at] === null);
      await Promise.all(gone.map((id) => redis.busForget(keys.work, keys.takers, keys.taker(id), id)));
      return ids.flatMap((id, at) => (said[at] === null ? [] : [{ id, body: parsed(said[at]) }]));
    });
  }

  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  /** What `read` yields, on a connection of its own. */
  async *#reading<T>(
    signal: AbortSignal,
    read: (reader: Connection, over: AbortSignal) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    const over = AbortSignal.any([signal, this.#life.signal]);
    if (over.aborted) return;
    const reader = Connection.open(this.#options);
    const release = this.#life.defer((reason) => reader.close(reason));
    try {
      yield* read(reader, over);
    } finally {
      await release();
    }
  }

  async *#notices({ cancelled }: Keys, reader: Connection, over: AbortSignal): AsyncGenerator<string, void, undefined> {
    over.addEventListener('abort', () => reader.cut(), { once: true });
    let last: string | undefined;
    while (!over.aborted) {
      try {
        last ??= await reader.call(
          'listen',
          async (redis) => (await redis.xrevrange(cancelled, '+', '-', 'COUNT', 1))[0]?.[0] ?? '0-0',
        );
        const from = last;
        const reply = await reader.call(
          'listen',
          (redis) => redis.xread('COUNT', 100, 'BLOCK', LISTEN, 'STREAMS', cancelled, from),
          LISTEN,
        );
        for (const [entry, [, id]] of Read.parse(reply)?.[0][1] ?? []) {
          last = entry;
          if (id !== undefined) yield id;
        }
      } catch (error) {
        if (!(error instanceof AvatarError)) throw error;
        await sleep(this.#options.clock, LISTEN / 4, over);
      }
    }
  }
}
