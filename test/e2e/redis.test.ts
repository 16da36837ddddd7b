import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { sleep, systemClock } from '#base/clock.ts';
import type { AvatarError } from '#base/errors.ts';
import { createLog, silentLog } from '#base/log.ts';
import type { Claim } from '#server/bus/bus.ts';
import { RedisBus, type RedisBusOptions } from '#server/bus/redis/redis-bus.ts';
import { RedisServer } from '../support/redis.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const PASSWORD = 'p@ss:w/rd-never-shown';
const work = (id: string) => ({ id, traceId: 'trace', body: { id } });
const failure = (asked: Promise<unknown>): Promise<AvatarError | undefined> =>
  asked.then(
    () => undefined,
    (error: unknown) => error as AvatarError,
  );

describe('the bus by Redis', () => {
  const closed: (() => Promise<unknown>)[] = [];
  let server: RedisServer;
  let lines: string[];
  let queue = '';
  beforeAll(async () => {
    server = await RedisServer.start({ requirepass: PASSWORD });
    process.env['REDISCLI_AUTH'] = PASSWORD;
  });
  afterAll(async () => {
    delete process.env['REDISCLI_AUTH'];
    await server.close();
  });
  afterEach(async () => {
    for (const close of closed.splice(0).reverse()) await close();
  });

  const urlOf = (port: number): string => `redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:${String(port)}`;
  const open = async (options: Partial<RedisBusOptions> = {}): Promise<RedisBus> => {
    lines = [];
    queue = `queue-${String(Math.random())}`;
    const log = createLog('info', { write: (line) => lines.push(line) });
    const bus = await RedisBus.open({ url: urlOf(server.port), clock: systemClock, log, patience: 1_000, ...options });
    closed.push(() => bus.close('test over'));
    return bus;
  };
  const behindProxy = async (): Promise<{ bus: RedisBus; proxy: TcpProxy }> => {
    const proxy = await TcpProxy.open(server.url);
    closed.push(() => proxy.close());
    return { bus: await open({ url: urlOf(Number(new URL(proxy.url).port)) }), proxy };
  };

  it('asks again when its connection breaks, and takers go on by themselves', async () => {
    const { bus, proxy } = await behindProxy();
    const source = bus.take(queue, 'taker', new AbortController().signal)[Symbol.asyncIterator]();
    const ids = Array.from({ length: 30 }, (_, n) => `piece ${String(n)}`);
    const taken = (async () => {
      const got: string[] = [];
      while (got.length < ids.length) {
        const { value } = (await source.next()) as { value: Claim };
        got.push(value.id);
        await value.done();
      }
      return got;
    })();
    for (const [at, id] of ids.entries()) {
      if (at % 10 === 5) proxy.cut();
      await bus.put(queue, work(id));
    }
    // A cut may take a reply with work in it along: that work comes once nobody has kept it.
    expect([...(await taken)].sort()).toEqual(ids.sort());
  });

  it('says within its patience that Redis is away, once in the log, and is there again when it is', async () => {
    const { bus, proxy } = await behindProxy();
    proxy.refuse(true);
    proxy.cut();
    const since = performance.now();
    expect(await failure(bus.put(queue, work('a')))).toMatchObject({ code: 'bus_failed', details: { kind: 'unreachable' } });
    expect(performance.now() - since).toBeLessThan(3_000);
    expect(bus.reachable).toBe(false);
    await failure(bus.depth(queue));
    proxy.refuse(false);
    await vi.waitFor(() => expect(bus.reachable).toBe(true), { timeout: 10_000 });
    expect(await bus.put(queue, work('a'))).toBe(true);
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      expect.stringMatching(/^Redis can't be reached/),
      'Redis is back',
    ]);
    expect(lines.join('')).not.toContain('never-shown');
  });

  it('gives up on a server that hangs, and finds it again', async () => {
    const bus = await open();
    server.hang(true);
    const since = performance.now();
    const failed = await failure(bus.put(queue, work('hung')));
    expect(performance.now() - since).toBeLessThan(3_000);
    expect(failed).toMatchObject({ code: 'bus_failed', details: { kind: 'timeout' } });
    await vi.waitFor(() => expect(bus.reachable).toBe(false), { timeout: 10_000 });
    server.hang(false);
    await vi.waitFor(() => expect(bus.reachable).toBe(true), { timeout: 20_000 });
    // It may have arrived after all; put again, it is there once.
    await bus.put(queue, work('hung'));
    expect(await bus.depth(queue)).toEqual({ waiting: 1, taken: 0, parked: 0 });
  });

  it('waits for a server that is slow', async () => {
    const bus = await open();
    const slow = server.say('DEBUG', 'SLEEP', '0.4');
    await sleep(systemClock, 50);
    expect(await bus.put(queue, work('slow'))).toBe(true);
    await slow;
  });

  it('says that Redis is full, while what is there can still be done', async () => {
    const bus = await open();
    await bus.put(queue, work('before'));
    await server.say('CONFIG', 'SET', 'maxmemory', '1');
    try {
      expect(await failure(bus.put(queue, work('too much')))).toMatchObject({ code: 'bus_failed', details: { kind: 'full' } });
      expect(await bus.standing(queue, 'too much')).toEqual({ state: 'gone' });
    } finally {
      await server.say('CONFIG', 'SET', 'maxmemory', '0');
    }
    expect(await bus.put(queue, work('too much'))).toBe(true);
    expect(await bus.depth(queue)).toEqual({ waiting: 2, taken: 0, parked: 0 });
  });

  it('does not start with a wrong password or none, and does not repeat it', async () => {
    const wrong = `redis://:${encodeURIComponent('wr0ng-never-shown')}@127.0.0.1:${String(server.port)}`;
    for (const url of [wrong, server.url]) {
      const since = performance.now();
      const failed = await failure(open({ url, patience: 20_000 }));
      // That isn't waited for.
      expect(performance.now() - since).toBeLessThan(10_000);
      expect(failed).toMatchObject({ code: 'bus_failed', details: { kind: 'refused' } });
      expect(JSON.stringify([failed, failed?.message, failed?.cause, lines])).not.toContain('never-shown');
    }
  });

  it('starts without Redis, and uses it once it is there', async () => {
    const late = await RedisServer.start();
    closed.push(() => late.close());
    await late.kill();
    const bus = await open({ url: late.url });
    expect(bus.reachable).toBe(false);
    const next = bus.take(queue, 'early', new AbortController().signal)[Symbol.asyncIterator]().next();
    await late.again();
    await vi.waitFor(() => expect(bus.reachable).toBe(true), { timeout: 10_000 });
    await bus.put(queue, work('at last'));
    expect(await next).toMatchObject({ value: { id: 'at last' } });
  });

  it('waits without a word where nothing was ever put', async () => {
    const bus = await open();
    const next = bus.take(queue, 'early', new AbortController().signal)[Symbol.asyncIterator]().next();
    await sleep(systemClock, 300);
    await bus.put(queue, work('first'));
    expect(await next).toMatchObject({ value: { id: 'first' } });
    expect(lines).toEqual([]);
  });

  it('goes on with a Redis that lost its memory: what is gone says so and can be put again', async () => {
    const bus = await open();
    const source = bus.take(queue, 'taker', new AbortController().signal)[Symbol.asyncIterator]();
    await bus.put(queue, work('taken'));
    const { value: claim } = (await source.next()) as { value: Claim };
    await bus.put(queue, work('waiting'));
    await server.say('FLUSHALL');
    expect(await bus.standing(queue, 'waiting')).toEqual({ state: 'gone' });
    expect(await failure(claim.keep())).toMatchObject({ details: { kind: 'other' } });
    const next = source.next();
    expect(await bus.put(queue, work('waiting'))).toBe(true);
    expect(await next).toMatchObject({ value: { id: 'waiting', tries: 1 } });
  });

  it('forgets takers who died, once their work is with others', async () => {
    const bus = await open({ limits: { claimAfter: 300, maxTries: 3 } });
    const signal = new AbortController().signal;
    await bus.announce(queue, { id: 'dead', body: {} }, 100);
    await bus.put(queue, work('orphan'));
    await bus.take(queue, 'dead', signal)[Symbol.asyncIterator]().next();
    await sleep(systemClock, 150);
    expect(await bus.takers(queue)).toEqual([]);
    const consumers = (): Promise<string> => server.say('XINFO', 'CONSUMERS', `infinitetalk:{${queue}}:work`, 'workers');
    expect(await consumers()).toContain('dead');
    const next = await bus.take(queue, 'living', signal)[Symbol.asyncIterator]().next();
    expect(next).toMatchObject({ value: { id: 'orphan', tries: 2 } });
    await bus.takers(queue);
    expect(await consumers()).not.toContain('dead');
  });

  it('loses nothing that was put while Redis is killed again and again', async () => {
    const own = await RedisServer.start();
    closed.push(() => own.close());
    const options = { url: own.url, limits: { claimAfter: 500, maxTries: 1_000 } };
    const bus = await open({ ...options, patience: 4_000 });
    const done = new Set<string>();
    const over = new AbortController();
    const taking = ['one', 'two'].map(async (taker) => {
      for await (const claim of bus.take(queue, taker, over.signal)) {
        done.add(claim.id);
        await failure(claim.done());
      }
    });
    const killing = (async () => {
      for (let n = 0; n < 4; n += 1) {
        await sleep(systemClock, 150 + 250 * Math.random());
        await own.kill();
        await sleep(systemClock, 200 * Math.random());
        await own.again();
      }
    })();
    const kept: string[] = [];
    for (let n = 0; n < 200; n += 1) {
      const id = `piece ${String(n)}`;
      if (!(await failure(bus.put(queue, work(id))))) kept.push(id);
      await sleep(systemClock, 10);
    }
    await killing;
    await vi.waitFor(async () => expect(await bus.depth(queue)).toEqual({ waiting: 0, taken: 0, parked: 0 }), {
      timeout: 30_000,
      interval: 100,
    });
    over.abort();
    await Promise.all(taking);
    expect(kept.length).toBeGreaterThan(100);
    expect(kept.filter((id) => !done.has(id))).toEqual([]);
  });

  it('tells how long each call took and why it failed', async () => {
    const told = vi.fn();
    const bus = await open({ told, log: silentLog });
    await bus.put(queue, work('a'));
    await bus.close('over');
    await failure(bus.put(queue, work('b')));
    expect(told.mock.calls.filter(([call]) => call === 'put')).toEqual([
      ['put', expect.any(Number), undefined],
      ['put', expect.any(Number), 'closed'],
    ]);
  });
});
