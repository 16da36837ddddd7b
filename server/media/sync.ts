import type { Clock } from '#base/clock.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';

/**
 * How long a packet of sound is handed over before the picture of its own timestamp, and the voice's lead at first, ms: what serves most viewers
 * (docs/adr/0001-one-clock.md).
 */
export const START_LEAD = 50;
/** What the lead may become, ms. Below zero a sound would be decided after its picture. */
const MAX_LEAD = 250;
/** What two reports differ by when nothing has changed, ms. */
const NOISE = 1;
/** No jitter buffer that works puts sound and picture further apart, ms. */
const PLAUSIBLE = 1_000;
/** A viewer that has said nothing for so long has no vote any more, ms; they report each 5 s. */
const STALE = 20_000;

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
 * Viewers report by timestamps, which say what they would hear and see with the lead of the start; so a report means the same whatever the lead is
 * by then, and nothing has to settle first.
 */
export class Sync {
  readonly #options: SyncOptions;
  /** The lead each viewer would be best served with, ms. */
  readonly #votes = new Map<string, { readonly leadMs: number; readonly at: number }>();
  #wanted = START_LEAD;
  readonly #offset = (): number | undefined => this.status().offsetMs;

  constructor(options: SyncOptions) {
    this.#options = options;
    options.metrics.reportedOffsets.add(this.#offset);
  }

  /** `viewer` hears the packet of an instant `offsetMs` after it sees the picture of the same timestamp (before, when negative). */
  report(viewer: string, offsetMs: number): void {
    if (!(Math.abs(offsetMs) <= PLAUSIBLE)) return;
    this.#votes.set(viewer, { leadMs: START_LEAD + offsetMs, at: this.#options.clock.now() });
    this.#follow();
  }

  /** The viewer has gone, and its vote with it. */
  forget(viewer: string): void {
    this.#votes.delete(viewer);
  }

  status(): SyncStatus {
    this.#forgetSilent();
    const leadMs = this.#options.leadMs();
    const offsets = [...this.#votes.values()].map((vote) => vote.leadMs - leadMs);
    const lead = { leadMs, viewers: offsets.length };
    if (offsets.length === 0) return lead;
    return { ...lead, offsetMs: middle(offsets, 0), spreadMs: Math.max(...offsets) - Math.min(...offsets) };
  }

  close(): void {
    this.#votes.clear();
    this.#options.metrics.reportedOffsets.delete(this.#offset);
  }

  #follow(): void {
    this.#forgetSilent();
    const asked = middle(
      [...this.#votes.values()].map(({ leadMs }) => leadMs),
      this.#wanted,
    );
    const wanted = Math.round(Math.max(0, Math.min(MAX_LEAD, asked)));
    if (Math.abs(wanted - this.#wanted) <= NOISE) return;
    this.#wanted = wanted;
    this.#options.lead(wanted);
  }

  #forgetSilent(): void {
    const now = this.#options.clock.now();
    for (const [viewer, { at }] of this.#votes) if (now - at > STALE) this.#votes.delete(viewer);
  }
}

/** The middle one; of two, the one nearer to `present`. */
function middle(values: readonly number[], present: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const high = sorted[sorted.length >> 1] ?? present;
  const low = sorted[(sorted.length - 1) >> 1] ?? present;
  return Math.abs(low - present) < Math.abs(high - present) ? low : high;
}
