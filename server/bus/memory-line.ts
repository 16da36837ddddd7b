import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import type { BusLimits, Claim, Depth, Presence, Standing, Work } from './bus.ts';

/** Work that may be there at once; more is refused, since whoever made it would wait for ever. */
const MAX_WORK = 10_000;
/** Ids of work that is over, kept so that putting it again does nothing. */
const MAX_OVER = 10_000;

interface Item {
  readonly work: Work;
  tries: number;
  /** Who has it until when; undefined while it waits. */
  held: { readonly taker: string; until: number } | undefined;
}

/** One queue of the memory bus. */
export class Line {
  readonly #clock: Clock;
  readonly #limits: BusLimits;
  /** Oldest first. */
  readonly #items = new Map<string, Item>();
  readonly #over = new Map<string, 'parked' | 'gone'>();
  readonly #takers = new Map<string, { presence: Presence; until: number }>();
  readonly #listeners = new Set<(id: string) => void>();
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock, limits: BusLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  put(work: Work): boolean {
    if (this.#items.has(work.id) || this.#over.has(work.id)) return false;
    if (this.#items.size === MAX_WORK)
      throw new AvatarError('bus_failed', `The bus is full: it holds ${MAX_WORK} pieces of work.`, { details: { kind: 'full' } });
    this.#items.set(work.id, { work: structuredClone(work), tries: 0, held: undefined });
    this.#wake();
    return true;
  }

  /** The oldest that nobody has, if there is any. */
  next(taker: string): Claim | undefined {
    for (const item of this.#items.values()) {
      if (!this.#isFree(item)) continue;
      if (item.tries >= this.#limits.maxTries) this.#end(item.work.id, 'parked');
      else return this.#give(item, taker);
    }
    return undefined;
  }

  /** Resolves once there may be something to take. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const ends = [...this.#items.values()].flatMap(({ held }) => held?.until ?? []);
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        cancel();
        resolve();
      };
      const cancel = ends.length > 0 ? this.#clock.at(Math.min(...ends), done) : () => undefined;
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }

  standing(id: string): Standing {
    const item = this.#items.get(id);
    if (!item) return { state: this.#over.get(id) ?? 'gone' };
    if (item.held && !this.#isFree(item)) return { state: 'taken', taker: item.held.taker, tries: item.tries };
    const before = [...this.#items.values()].slice(0, [...this.#items.keys()].indexOf(id));
    return { state: 'waiting', ahead: before.filter((other) => this.#isFree(other)).length };
  }

  get depth(): Depth {
    const waiting = [...this.#items.values()].filter((item) => this.#isFree(item)).length;
    const parked = [...this.#over.values()].filter((how) => how === 'parked').length;
    return { waiting, taken: this.#items.size - waiting, parked };
  }

  release(id: string, taker?: string): void {
    const item = this.#items.get(id);
    if (!item?.held || (taker ?? item.held.taker) !== item.held.taker) return;
    item.held = undefined;
    if (item.tries >= this.#limits.maxTries) this.#end(id, 'parked');
    this.#wake();
  }

  cancel(id: string): void {
    this.#end(id, 'gone');
    for (const tell of this.#listeners) tell(id);
  }

  listen(tell: (id: string) => void): () => void {
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  announce(presence: Presence, ttl: number): void {
    this.#takers.set(presence.id, { presence: structuredClone(presence), until: this.#clock.now() + ttl });
  }

  withdraw(taker: string): void {
    this.#takers.delete(taker);
  }

  get takers(): Presence[] {
    for (const [id, { until }] of this.#takers) if (until <= this.#clock.now()) this.#takers.delete(id);
    return [...this.#takers.values()].map(({ presence }) => presence).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #give(item: Item, taker: string): Claim {
    const held = { taker, until: this.#clock.now() + this.#limits.claimAfter };
    item.held = held;
    item.tries += 1;
    const isMine = (): boolean => item.held === held && this.#items.get(item.work.id) === item;
    return {
      ...structuredClone(item.work),
      tries: item.tries,
      keep: async () => {
        if (isMine()) held.until = this.#clock.now() + this.#limits.claimAfter;
        return isMine();
      },
      done: async () => {
        if (isMine()) this.#end(item.work.id, 'gone');
      },
      handBack: async (how) => {
        if (!isMine()) return;
        item.held = undefined;
        if (how === 'uncounted') item.tries -= 1;
        this.#wake();
      },
    };
  }

  #isFree({ held }: Item): boolean {
    return held === undefined || held.until <= this.#clock.now();
  }

  #end(id: string, how: 'parked' | 'gone'): void {
    this.#items.delete(id);
    this.#over.set(id, how);
    const oldest = this.#over.keys().next().value;
    if (this.#over.size > MAX_OVER && oldest !== undefined) this.#over.delete(oldest);
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
