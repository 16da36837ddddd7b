import { systemClock, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import { Queue } from '#base/queue.ts';
import { BUS_LIMITS, type Bus, type BusLimits, type Claim, type Depth, type Presence, type Standing, type Work } from './bus.ts';
import { Line } from './memory-line.ts';

/** Notices a slow listener may be behind; what is older is left out. */
const MAX_NOTICES = 1_000;

/** The bus of one process: what it holds ends with it. */
export class MemoryBus implements Bus {
  readonly name = 'memory';
  readonly #clock: Clock;
  readonly #limits: BusLimits;
  readonly #life = new Lifetime();
  readonly #lines = new Map<string, Line>();

  constructor(clock: Clock = systemClock, limits: BusLimits = BUS_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get reachable(): boolean {
    return this.#life.state === 'open';
  }

  async put(queue: string, work: Work): Promise<boolean> {
    return this.#line(queue).put(work);
  }

  async *take(queue: string, taker: string, signal: AbortSignal): AsyncGenerator<Claim, void, undefined> {
    const line = this.#line(queue);
    const over = AbortSignal.any([signal, this.#life.signal]);
    while (!over.aborted) {
      const claim = line.next(taker);
      if (claim) yield claim;
      else await line.changed(over);
    }
  }

  async standing(queue: string, id: string): Promise<Standing> {
    return this.#line(queue).standing(id);
  }

  async depth(queue: string): Promise<Depth> {
    return this.#line(queue).depth;
  }

  async release(queue: string, id: string, taker?: string): Promise<void> {
    this.#line(queue).release(id, taker);
  }

  async cancel(queue: string, id: string): Promise<void> {
    this.#line(queue).cancel(id);
  }

  async *cancelled(queue: string, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const notices = new Queue<string>(MAX_NOTICES, 'drop-oldest');
    const over = AbortSignal.any([signal, this.#life.signal]);
    over.addEventListener('abort', () => notices.end(), { once: true });
    if (over.aborted) return;
    const stop = this.#line(queue).listen((id) => void notices.push(id));
    try {
      yield* notices;
    } finally {
      stop();
    }
  }

  async announce(queue: string, taker: Presence, ttl: number): Promise<void> {
    this.#line(queue).announce(taker, ttl);
  }

  async withdraw(queue: string, taker: string): Promise<void> {
    this.#line(queue).withdraw(taker);
  }

  async takers(queue: string): Promise<readonly Presence[]> {
    return this.#line(queue).takers;
  }

  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #line(queue: string): Line {
    if (!this.reachable) throw new AvatarError('bus_failed', 'The bus is closed.', { details: { kind: 'closed' } });
    const line = this.#lines.get(queue) ?? new Line(this.#clock, this.#limits);
    this.#lines.set(queue, line);
    return line;
  }
}
