/** A piece of work as it travels. Whoever puts it and whoever takes it parse its body by a schema of `protocol/`. */
export interface Work {
  /** What makes it the same work: put twice, it is there once. */
  readonly id: string;
  readonly traceId: string;
  /** JSON. */
  readonly body: unknown;
}

/** Work in somebody's hands. Unless it is kept, it is given to another after `claimAfter`. */
export interface Claim extends Work {
  /** How often it was given out, this time included. */
  readonly tries: number;
  /** Still at it; false when it is another's by now, or cancelled. */
  keep(): Promise<boolean>;
  /** Never given out again. Harmless for what is another's by now. */
  done(): Promise<void>;
  /** For another to take at once. `uncounted`: it was not the work's fault, so that this was no try. */
  handBack(how?: 'uncounted'): Promise<void>;
}

/** `ahead`: pieces of work that will be taken before it. `parked`: it was tried too often. `gone`: done, cancelled or never put. */
export type Standing =
  | { readonly state: 'waiting'; readonly ahead: number }
  | { readonly state: 'taken'; readonly taker: string; readonly tries: number }
  | { readonly state: 'parked' | 'gone' };

/** How much of a queue's work is in which state. */
export interface Depth {
  readonly waiting: number;
  readonly taken: number;
  readonly parked: number;
}

/** Somebody who takes work, as last announced. */
export interface Presence {
  readonly id: string;
  /** JSON: its engine, geometry, measured clip time…, parsed by a schema of `protocol/`. */
  readonly body: unknown;
}

/**
 * Queues of work, each given out until somebody has done it: at least once, oldest first. What is given out `maxTries` times and never done is parked.
 * Everything rejects within `patience` with AvatarError `bus_failed`, its `details.kind` saying why; then it may have happened or not, and may be done again.
 */
export interface Bus {
  readonly name: string;
  /** False while the bus can't be reached. */
  readonly reachable: boolean;
  /** False when work of this id is there, or was and is over; after a broken connection that may be what this very call has put. */
  put(queue: string, work: Work): Promise<boolean>;
  /** One piece after the other, for as long as `signal` isn't aborted; waits through times when the bus can't be reached. */
  take(queue: string, taker: string, signal: AbortSignal): AsyncIterable<Claim>;
  standing(queue: string, id: string): Promise<Standing>;
  depth(queue: string): Promise<Depth>;
  /** Takes it from whoever has it, or from `taker` if that is who has it, for another to take at once. Counts as a try. */
  release(queue: string, id: string, taker?: string): Promise<void>;
  /** Takes it out of the queue, whoever has it, and tells the takers. */
  cancel(queue: string, id: string): Promise<void>;
  /** Ids of what is cancelled from now on. */
  cancelled(queue: string, signal: AbortSignal): AsyncIterable<string>;
  /** Says that a taker is there, for `ttl` ms unless said again. */
  announce(queue: string, taker: Presence, ttl: number): Promise<void>;
  /** It goes. */
  withdraw(queue: string, taker: string): Promise<void>;
  /** Who is there, in order of ids. */
  takers(queue: string): Promise<readonly Presence[]>;
  /** Idempotent; whatever waits for the bus ends. */
  close(reason: string): Promise<void>;
}

export interface BusLimits {
  /** Work that is not kept for so long, ms, is given to another. */
  readonly claimAfter: number;
  readonly maxTries: number;
}

export const BUS_LIMITS: BusLimits = { claimAfter: 10_000, maxTries: 3 };
