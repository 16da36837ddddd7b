import type { Clock } from '#base/clock.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';

/** The lead that serves most viewers: the voice is handed over so long before its picture at first, ms (docs/adr/0001-one-clock.md). */
export const START_LEAD = 50;
/** What the lead may become, ms. Below zero a sound would be decided after its picture. */
const MAX_LEAD = 250;
/** What the lead moves at once, ms: a jitter buffer that is only filling up is no reason to run after it. */
const MAX_MOVE = 40;
/** Offsets nobody notices, ms: chasing them would only add the measurement's own noise. */
const DEADBAND = 4;
/** No jitter buffer that works puts sound and picture further apart, ms. */
const PLAUSIBLE = 1_000;
/** A viewer that has said nothing for so long has no vote any more, ms; they report each 5 s. */
const STALE = 20_000;
/** A report looks back 5 s, and a jitter buffer takes a moment to follow: so long after the lead moved reports still tell of before, ms. */
const SETTLE = 8_000;

export interface SyncOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** The lead that playout has reached, ms. */
  readonly leadMs: () => number;
  /** Asks playout for another. */
  readonly lead: (ms: number) => void;
}

/** What is known of sound and picture at the viewers. */
export interface SyncStatus {
  readonly leadMs: number;
  /** Viewers that vote. */
  readonly viewers: number;
  /** Sound minus picture at the middle viewer, ms, and between the two furthest apart; undefined while nobody has said. */
  readonly offsetMs?: number;
  readonly spreadMs?: number;
}

/**
 * Closes the loop between the viewers' ears and eyes and the voice's lead: each viewer has one vote, the middle one counts, and what it asks for is
 * bounded. So a wrong report costs little, and a minority of liars nothing.
 */
export class Sync {
  readonly #options: SyncOptions;
  readonly #votes = new Map<string, { readonly offsetMs: number; readonly at: number }>();
  #wanted = START_LEAD;
  #movedAt = Number.NEGATIVE_INFINITY;
  readonly #offset = (): number | undefined => this.status().offsetMs;

  constructor(options: SyncOptions) {
    this.#options = options;
    options.metrics.reportedOffsets.add(this.#offset);
  }

  /** `viewer` hears the sound of an instant `offsetMs` after it sees its picture (before, when negative). */
  report(viewer: string, offsetMs: number): void {
    if (!(Math.abs(offsetMs) <= PLAUSIBLE)) return;
    const { clock } = this.#options;
    const now = clock.now();
    if (this.#options.leadMs() !== this.#wanted) this.#movedAt = now;
    this.#votes.set(viewer, { offsetMs, at: now });
    this.#follow(now);
  }

  /** The viewer has gone, and its vote with it. */
  forget(viewer: string): void {
    this.#votes.delete(viewer);
  }

  status(): SyncStatus {
    this.#forgetSilent();
    const offsets = [...this.#votes.values()].map(({ offsetMs }) => offsetMs);
    const lead = { leadMs: this.#options.leadMs(), viewers: offsets.length };
    if (offsets.length === 0) return lead;
    return { ...lead, offsetMs: middle(offsets), spreadMs: Math.max(...offsets) - Math.min(...offsets) };
  }

  close(): void {
    this.#votes.clear();
    this.#options.metrics.reportedOffsets.delete(this.#offset);
  }

  /** Once most have told how it is since the last change, the lead follows. */
  #follow(now: number): void {
    this.#forgetSilent();
    const settled = [...this.#votes.values()].filter(({ at }) => at - this.#movedAt >= SETTLE);
    if (settled.length * 2 < this.#votes.size) return;
    const offset = middle(settled.map(({ offsetMs }) => offsetMs));
    if (Math.abs(offset) <= DEADBAND) return;
    const move = Math.round(Math.max(-MAX_MOVE, Math.min(MAX_MOVE, offset)));
    const wanted = Math.max(0, Math.min(MAX_LEAD, this.#wanted + move));
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#movedAt = now;
    this.#options.lead(wanted);
  }

  #forgetSilent(): void {
    const now = this.#options.clock.now();
    for (const [viewer, { at }] of this.#votes) if (now - at > STALE) this.#votes.delete(viewer);
  }
}

/** The middle one; of two, the one that asks for less. */
function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const high = sorted[sorted.length >> 1] ?? 0;
  const low = sorted[(sorted.length - 1) >> 1] ?? 0;
  return Math.abs(low) < Math.abs(high) ? low : high;
}
