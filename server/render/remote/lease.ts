import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import { sleep, type Clock } from '#base/clock.ts';
import { asAvatarError, AvatarError } from '#base/errors.ts';
import { aborted, Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { PictureFormat } from '#protocol/frame-link.ts';
import { backgroundQueue, LEASE_VERSION, WorkerPresence, type Lease as LeaseBody } from '#protocol/lease.ts';
import type { Bus } from '#server/bus/bus.ts';
import { FrameLink, type Hello } from './link.ts';
import { lossOf, type LossKind } from './lost.ts';
import { turnOf, type Turn } from './turn.ts';

export interface LeaseOptions {
  readonly bus: Bus;
  /** The queue of conversations, which is the engine's name. */
  readonly queue: string;
  /** The frame link's address, as workers reach it. */
  readonly url: () => string;
  /** A token that opens the link of that lease, for so long (ms). */
  readonly sign: (lease: string, ttl: number) => Promise<string>;
  /** That workers may send. */
  readonly formats: readonly PictureFormat[];
  /** Throws when a worker draws otherwise than the walk expects. */
  readonly check: (hello: Hello) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface LeaseFor extends Pick<LeaseBody, 'sessionId' | 'utteranceId' | 'kind'> {
  readonly traceId: string;
}

/** Nobody waits longer for what is drawn under a lease, ms. */
const LASTS = 600_000;
const LOOK_EVERY = 1_000;
/** From a worker's taking a lease until its link is there, ms, about. */
const DIAL_TIME = 200;
/** Who hands a lease back by itself, or has not lost it. */
const HANDED_BACK: ReadonlySet<LossKind> = new Set(['leaving', 'failed', 'memory', 'replaced']);

/** A renderer slot for one utterance: on the bus until a worker has it, and again when that worker is lost. */
export class Lease {
  readonly about: LeaseFor;
  readonly #options: LeaseOptions;
  readonly #queue: string;
  readonly #life = new Lifetime();
  readonly #wanted: Map<string, Lease>;
  #id = '';
  #generation = 0;
  #link: FrameLink | undefined;
  #changed = Promise.withResolvers<void>();
  /** Where it stands while no worker has it. */
  #turn: Turn = { inMs: undefined, ready: 1, why: 'a GPU is looked for' };
  /** It has ended so many workers that it is given to nobody any more. */
  #parked = false;

  /** On the bus as soon as that can be; `wanted` knows it by its id while it lasts. */
  constructor(about: LeaseFor, wanted: Map<string, Lease>, options: LeaseOptions) {
    this.about = about;
    this.#wanted = wanted;
    this.#options = options;
    this.#queue = about.kind === 'idle' ? backgroundQueue(options.queue) : options.queue;
    void this.#watch();
  }

  /** The worker that has it now. */
  get link(): FrameLink | undefined {
    return this.#link?.loss ? undefined : this.#link;
  }

  get turn(): Turn {
    return this.#turn;
  }

  get parked(): boolean {
    return this.#parked;
  }

  /** Greater than all before, whichever worker they went to. */
  nextGeneration(): number {
    this.#generation += 1;
    return this.#generation;
  }

  /** Resolves when a worker has come, or after `ms`. */
  async changed(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    await Promise.race([this.#changed.promise, sleep(this.#options.clock, ms, AbortSignal.any([signal, over.signal]))]);
    over.abort();
  }

  /** A worker has dialled. One that had it before has lost it. */
  async accept(socket: WebSocket): Promise<void> {
    const { clock, log, check, formats } = this.#options;
    const { traceId, sessionId, utteranceId } = this.about;
    try {
      const link = await FrameLink.open(socket, { clock, log, traceId, formats });
      try {
        check(link.hello);
      } catch (error) {
        link.fail('garbage', asAvatarError(error).message, error);
        throw error;
      }
      if (this.#life.state !== 'open') return await link.bye('nobody wants it any more');
      this.#link?.fail('replaced', 'has lost the lease to another');
      this.#link = link;
      log.debug({ sessionId, utteranceId, traceId, worker: link.hello.worker }, 'a GPU worker has the lease');
      void link.over.then((loss) => this.#lost(loss, link.hello));
      this.#change();
    } catch (error) {
      log.warn({ err: error, sessionId, utteranceId, traceId }, 'a GPU worker was turned away');
    }
  }

  /** Its worker is lost: another may take it at once. */
  #lost(loss: AvatarError, { worker }: Hello): void {
    if (this.#life.state !== 'open') return;
    const kind = lossOf(loss) ?? 'cut';
    const { bus, log } = this.#options;
    const { sessionId, utteranceId, traceId } = this.about;
    log.warn({ err: loss, kind, sessionId, utteranceId, traceId }, 'a GPU worker was lost');
    this.#turn = { inMs: undefined, ready: 1, why: 'another GPU is looked for' };
    if (!HANDED_BACK.has(kind)) bus.release(this.#queue, this.#id, worker).catch(() => undefined);
  }

  /** Nothing more is wanted of it. */
  end(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #watch(): Promise<void> {
    const { clock, bus, log } = this.#options;
    const { signal } = this.#life;
    this.#life.defer(async (reason) => {
      this.#wanted.delete(this.#id);
      const link = this.link;
      link?.cancel();
      await Promise.all([
        link?.bye(reason),
        link
          ? undefined
          : bus.cancel(this.#queue, this.#id).catch((error: unknown) => log.warn({ err: error }, 'a lease was not cancelled')),
      ]);
    });
    while (!signal.aborted) {
      try {
        await this.#look();
      } catch (error) {
        const { message } = asAvatarError(error);
        this.#turn = { inMs: undefined, ready: 0, why: `the render queue does not answer: ${message}` };
      }
      await Promise.race([sleep(clock, LOOK_EVERY, signal), aborted(signal)]);
    }
  }

  async #look(): Promise<void> {
    const { bus, queue } = this.#options;
    if (this.link || this.#parked) return;
    if (this.#id === '') await this.#put();
    const [standing, takers] = await Promise.all([bus.standing(this.#queue, this.#id), bus.takers(queue)]);
    const workers = takers.flatMap(({ body }) => WorkerPresence.safeParse(body).data ?? []);
    if (standing.state === 'gone') return this.#again();
    this.#parked = standing.state === 'parked';
    if (standing.state === 'waiting') this.#turn = turnOf(standing.ahead, workers);
    else if (standing.state === 'taken') this.#turn = { inMs: DIAL_TIME, ready: 1, why: 'a GPU is getting ready' };
    if (this.#parked) this.#turn = { inMs: undefined, ready: 0, why: 'this answer has ended every GPU worker that tried it' };
    this.#change();
  }

  /** Whoever had it says it is over, or the bus has forgotten it; but it is wanted. */
  async #again(): Promise<void> {
    this.#wanted.delete(this.#id);
    this.#id = '';
    await this.#put();
  }

  async #put(): Promise<void> {
    const { bus, url, sign, clock } = this.#options;
    const { sessionId, utteranceId, kind, traceId } = this.about;
    const id = `${sessionId}.${utteranceId}.${randomBytes(6).toString('hex')}`;
    const body: LeaseBody = {
      v: LEASE_VERSION,
      sessionId,
      utteranceId,
      kind,
      url: url(),
      token: await sign(id, LASTS),
      expiresAt: Math.round(clock.wall()) + LASTS,
    };
    if (this.#life.state !== 'open') return;
    this.#wanted.set(id, this);
    this.#id = id;
    await bus.put(this.#queue, { id, traceId, body });
  }
}

/** All leases of a renderer that are wanted, by id. */
export class Leases {
  readonly #options: LeaseOptions;
  readonly #wanted = new Map<string, Lease>();
  readonly #open = new Set<Lease>();

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  take(about: LeaseFor): Lease {
    const lease = new Lease(about, this.#wanted, this.#options);
    this.#open.add(lease);
    return lease;
  }

  /** Never rejects. */
  async end(lease: Lease, reason: string): Promise<void> {
    const { log } = this.#options;
    await lease.end(reason).catch((error: unknown) => log.error({ err: error }, 'a lease could not be ended'));
    this.#open.delete(lease);
  }

  isWanted(id: string): boolean {
    return this.#wanted.has(id);
  }

  /** A worker's socket, its token checked. Throws `not_found` when nobody wants that lease any more. */
  async accept(id: string, socket: WebSocket): Promise<void> {
    const lease = this.#wanted.get(id);
    if (!lease) throw new AvatarError('not_found', 'Nobody waits for this lease any more.');
    await lease.accept(socket);
  }

  async close(reason: string): Promise<void> {
    await Promise.all([...this.#open].map((lease) => this.end(lease, reason)));
  }
}
