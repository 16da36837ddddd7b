import type { Clock } from '#base/clock.ts';

/** What one direction of a network does to its packets. All of it can be changed while packets are under way. */
export interface PathFaults {
  /** Share of packets that never arrive, 0–1. */
  readonly loss: number;
  /** Mean length of a run of lost packets; at 1 each packet is lost or not by itself. */
  readonly burst: number;
  readonly delayMs: number;
  /** Up to so much more delay, packet by packet; their order stays. */
  readonly jitterMs: number;
  /** Share of packets that are held up by `reorderMs` more, so that later ones pass them, 0–1. */
  readonly reorder: number;
  readonly reorderMs: number;
  /** Nothing arrives. */
  readonly blocked: boolean;
}

export const PERFECT: PathFaults = {
  loss: 0,
  burst: 1,
  delayMs: 0,
  jitterMs: 0,
  reorder: 0,
  reorderMs: 15,
  blocked: false,
};

export interface PathCounts {
  passed: number;
  bytes: number;
  dropped: number;
  /** Packets that arrived behind one that was sent after them. */
  reordered: number;
}

interface Travelling {
  readonly number: number;
  readonly due: number;
  readonly bytes: number;
  readonly deliver: () => void;
}

/** One direction of a bad network. The same seed loses and delays the same packets of the same sequence. */
export class NetworkPath {
  faults: PathFaults = PERFECT;
  readonly counts: PathCounts = { passed: 0, bytes: 0, dropped: 0, reordered: 0 };
  readonly #clock: Clock;
  readonly #random: () => number;
  #travelling: Travelling[] = [];
  #cancel: (() => void) | undefined;
  #losing = false;
  #sent = 0;
  #latest = -1;
  #lastDue = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(clock: Clock, seed: number) {
    this.#clock = clock;
    this.#random = seeded(seed);
  }

  /** Calls `deliver` when a packet of `bytes` arrives, if it does. */
  send(bytes: number, deliver: () => void): void {
    if (this.#closed) return;
    const number = this.#sent++;
    // All dice are rolled for each packet, so that a change of one fault leaves the others' luck as it is.
    const [loss, jitter, reorder] = [this.#random(), this.#random(), this.#random()];
    if (this.#isLost(loss)) {
      this.counts.dropped += 1;
      return;
    }
    const { delayMs, jitterMs, reorderMs } = this.faults;
    this.#lastDue = Math.max(this.#lastDue, this.#clock.now() + delayMs + jitter * jitterMs);
    const due = this.#lastDue + (reorder < this.faults.reorder ? reorderMs : 0);
    const packet = { number, due, bytes, deliver };
    if (this.#travelling.length === 0 && due <= this.#clock.now()) this.#arrive(packet);
    else this.#hold(packet);
  }

  /** What is under way never arrives. */
  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#travelling = [];
  }

  /** Gilbert's model: runs of losses with a mean length of `burst`, so many that `loss` of all packets are in one. */
  #isLost(dice: number): boolean {
    const { loss, burst, blocked } = this.faults;
    if (loss <= 0 || loss >= 1) this.#losing = loss >= 1;
    else if (burst <= 1) this.#losing = dice < loss;
    else this.#losing = dice < (this.#losing ? 1 - 1 / burst : loss / (burst * (1 - loss)));
    return blocked || this.#losing;
  }

  #hold(packet: Travelling): void {
    const behind = this.#travelling.findLastIndex(({ due }) => due <= packet.due);
    this.#travelling.splice(behind + 1, 0, packet);
    if (behind === -1) this.#arm();
  }

  #arm(): void {
    this.#cancel?.();
    const [next] = this.#travelling;
    this.#cancel = next && this.#clock.at(next.due, () => this.#release());
  }

  #release(): void {
    const now = this.#clock.now();
    for (let next = this.#travelling[0]; next && next.due <= now; next = this.#travelling[0]) {
      this.#travelling.shift();
      this.#arrive(next);
    }
    this.#arm();
  }

  #arrive({ number, bytes, deliver }: Travelling): void {
    this.counts.passed += 1;
    this.counts.bytes += bytes;
    if (number < this.#latest) this.counts.reordered += 1;
    else this.#latest = number;
    deliver();
  }
}

/** Mulberry32: numbers from 0 to 1 that look random, the same ones for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
