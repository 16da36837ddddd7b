import { ExponentialBackoff, decorrelatedJitterGenerator, type IBackoff } from 'cockatiel';
import { Redis } from 'ioredis';
import { sleep, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { PASSING, busError, kindOf, textOf, type BusFailure } from './failures.ts';
import { SCRIPTS, type Scripts } from './scripts.ts';

export interface ConnectionOptions {
  /** `redis://` or `rediss://` (TLS), with user, password and database as needed. */
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a call may take, ms, waiting for a lost connection included. */
  readonly patience: number;
  /** Called for each call: how long it took, and why it failed if it did. */
  readonly told?: (call: string, ms: number, failure: BusFailure | undefined) => void;
}

export type Client = Redis & Scripts;

const BACKOFF = new ExponentialBackoff({ generator: decorrelatedJitterGenerator, initialDelay: 50, maxDelay: 2_000 });
/** What was asked is waited for at the end, ms. */
const FAREWELL = 500;

/**
 * One connection to Redis, opened again for as long as it lives. A call waits for a connection and is made again when that broke meanwhile, within its
 * patience: everything asked of it must be harmless twice.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #redis: Client;
  readonly #life = new Lifetime();
  readonly #asked = new Set<Promise<unknown>>();
  /** When it was lost, monotonic ms. */
  #lostAt: number | undefined;
  #lastError: unknown;
  #backoff: IBackoff<unknown> = BACKOFF.next();

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    const { url, patience } = options;
    this.#redis = new Redis(url, {
      // What waits and what is asked again is decided here, call by call; in ioredis a call can wait for ever.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => this.#nextPause(),
      // After a failover it may be a replica's address that we hold.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
      connectTimeout: patience,
      // A server that hangs is left, and another may be behind its name.
      socketTimeout: 2 * patience,
      keepAlive: 10_000,
      // The replies of version 3 have other shapes, and its servers are the same.
      protocol: 2,
      connectionName: 'infinitetalk-rtc',
      scripts: SCRIPTS,
      lazyConnect: true,
    }) as Client;
    this.#redis.on('error', (error) => (this.#lastError = error));
    this.#redis.on('ready', () => this.#found());
    this.#redis.on('close', () => this.#lost());
  }

  /** Begins to connect, and goes on until it is closed. */
  static open(options: ConnectionOptions): Connection {
    const connection = new Connection(options);
    connection.#redis.connect().catch(() => undefined);
    return connection;
  }

  get ready(): boolean {
    return this.#redis.status === 'ready' && this.#life.state === 'open';
  }

  /** Why there is none, once it was tried. */
  get trouble(): BusFailure | undefined {
    return this.ready || this.#lastError === undefined ? undefined : kindOf(this.#lastError);
  }

  /** Resolves to what `ask` does. Throws AvatarError `bus_failed`. `longer`: ms it may take on purpose. */
  call<T>(name: string, ask: (redis: Client) => Promise<T>, longer = 0): Promise<T> {
    const call = this.#call(name, ask, longer);
    const end = (): void => void this.#asked.delete(call);
    this.#asked.add(call);
    call.then(end, end);
    return call;
  }

  /** Waits for what was asked, a little. */
  async close(reason: string): Promise<void> {
    const answered = new AbortController();
    void Promise.allSettled(this.#asked).then(() => answered.abort());
    await sleep(this.#options.clock, FAREWELL, answered.signal);
    await this.#life.close(reason);
    this.#redis.disconnect();
  }

  /** Ends it at once, what it waits for as well. */
  cut(): void {
    void this.#life.close('cut');
    this.#redis.disconnect();
  }

  async #call<T>(name: string, ask: (redis: Client) => Promise<T>, longer: number): Promise<T> {
    const { clock, patience, told } = this.#options;
    const [start, limit] = [clock.now(), new AbortController()];
    const stop = clock.at(start + patience + longer, () => limit.abort());
    try {
      const reply = await this.#attempts(name, ask, AbortSignal.any([limit.signal, this.#life.signal]));
      told?.(name, clock.now() - start, undefined);
      return reply;
    } catch (error) {
      const failed = error instanceof AvatarError ? error : busError(name, kindOf(error), textOf(error));
      told?.(name, clock.now() - start, failed.details?.['kind'] as BusFailure);
      throw failed;
    } finally {
      stop();
    }
  }

  async #attempts<T>(name: string, ask: (redis: Client) => Promise<T>, over: AbortSignal): Promise<T> {
    for (;;) {
      await this.#connected(name, over);
      try {
        return await this.#unlessOver(name, ask(this.#redis), over);
      } catch (error) {
        if (!PASSING.has(kindOf(error)) || error instanceof AvatarError) throw error;
        await sleep(this.#options.clock, 20, over);
      }
    }
  }

  async #connected(name: string, over: AbortSignal): Promise<void> {
    if (this.ready) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Who is refused is refused again: that isn't waited for.
    const refuse = (): void => (this.trouble === 'refused' ? reject(this.#overdue(name)) : undefined);
    this.#redis.once('ready', resolve).on('error', refuse);
    refuse();
    try {
      await this.#unlessOver(name, promise, over);
    } finally {
      this.#redis.off('ready', resolve).off('error', refuse);
    }
  }

  async #unlessOver<T>(name: string, asked: Promise<T>, over: AbortSignal): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const end = (): void => reject(this.#overdue(name));
    if (over.aborted) end();
    else over.addEventListener('abort', end, { once: true });
    try {
      return await Promise.race([asked, promise]);
    } finally {
      over.removeEventListener('abort', end);
      // Nobody waits for the other one.
      for (const left of [asked, promise]) left.catch(() => undefined);
    }
  }

  #overdue(name: string): AvatarError {
    if (this.#life.state !== 'open') return busError(name, 'closed', 'the connection is closed');
    if (this.ready) return busError(name, 'timeout', `no answer within ${this.#options.patience} ms`);
    const because = this.#lastError === undefined ? 'there is no connection' : textOf(this.#lastError);
    return busError(name, this.trouble ?? 'unreachable', because);
  }

  #nextPause(): number {
    const { duration } = this.#backoff;
    this.#backoff = this.#backoff.next(undefined);
    return duration;
  }

  #found(): void {
    const { clock, log } = this.#options;
    if (this.#lostAt !== undefined) log.info({ ms: Math.round(clock.now() - this.#lostAt) }, 'Redis is back');
    this.#lostAt = this.#lastError = undefined;
    this.#backoff = BACKOFF.next();
  }

  #lost(): void {
    if (this.#life.state !== 'open' || this.#lostAt !== undefined) return;
    const { clock, log } = this.#options;
    this.#lostAt = clock.now();
    const because = this.#lastError === undefined ? 'the connection was closed' : textOf(this.#lastError);
    log.warn({ kind: this.trouble ?? 'unreachable' }, `Redis can't be reached: ${because}`);
  }
}
