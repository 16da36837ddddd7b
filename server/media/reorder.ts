import type { RtpPacket } from './rtp.ts';

/** A packet in its place. */
export interface InOrder {
  readonly packet: RtpPacket;
  /** How many before it never came. */
  readonly lost: number;
}

/** How long what is missing is waited for, ms: one repeat on a usual path. Nothing waits while nothing is missing. */
export const REORDER_PATIENCE = 60;
/** Packets held back at most. */
const HELD = 32;
/** A packet so far off is of a sender that began anew, if another one follows it. */
const FAR_OFF = 500;

/** Puts RTP packets (RFC 3550) into their order, each once; what is late or lost is waited for a little. */
export class Reorder {
  /** How many came twice, too late, or from nowhere. */
  useless = 0;
  readonly #held = new Map<number, RtpPacket>();
  /** The number that is due, counted on beyond 16 bits. */
  #due: number | undefined;
  #waitingSince: number | undefined;
  /** What would follow the last packet that was far off. */
  #stranger: number | undefined;

  /** When to ask `expired`; undefined while nothing is missing. */
  get deadline(): number | undefined {
    return this.#waitingSince === undefined ? undefined : this.#waitingSince + REORDER_PATIENCE;
  }

  /** A packet as it came at `now` (ms) → those whose turn it is. */
  take(packet: RtpPacket, now: number): InOrder[] {
    const { sequence } = packet;
    const due = (this.#due ??= sequence);
    const number = due + offset(sequence, due);
    if (Math.abs(number - due) > FAR_OFF) return this.#takeStranger(packet);
    if (number < due || this.#held.has(number)) return this.#drop();
    this.#held.set(number, packet);
    const ready = this.#held.size > HELD ? this.#giveUp() : this.#inTurn(0);
    if (ready.length > 0) this.#waitingSince = now;
    return this.#answer(ready, now);
  }

  /** At its deadline: what is still missing is lost. */
  expired(now: number): InOrder[] {
    if (this.deadline === undefined || now < this.deadline) return [];
    this.#waitingSince = now;
    return this.#answer(this.#giveUp(), now);
  }

  #answer(ready: InOrder[], now: number): InOrder[] {
    this.#waitingSince = this.#held.size > 0 ? (this.#waitingSince ?? now) : undefined;
    return ready;
  }

  /** Two that follow each other are no accident (RFC 3550 appendix A.1). */
  #takeStranger(packet: RtpPacket): InOrder[] {
    const { sequence } = packet;
    const isSecond = this.#stranger === sequence;
    this.#stranger = (sequence + 1) & 0xffff;
    if (!isSecond) return this.#drop();
    this.#held.clear();
    this.#waitingSince = undefined;
    this.#due = sequence + 1;
    return [{ packet, lost: 0 }];
  }

  #drop(): [] {
    this.useless += 1;
    return [];
  }

  /** Goes on with the first that is there. */
  #giveUp(): InOrder[] {
    const first = Math.min(...this.#held.keys());
    const lost = first - (this.#due ?? first);
    this.#due = first;
    return this.#inTurn(lost);
  }

  #inTurn(lost: number): InOrder[] {
    const ready: InOrder[] = [];
    for (;;) {
      const due = this.#due ?? 0;
      const packet = this.#held.get(due);
      if (!packet) return ready;
      this.#held.delete(due);
      this.#due = due + 1;
      ready.push({ packet, lost: ready.length === 0 ? lost : 0 });
    }
  }
}

/** From `due` to a 16-bit number that is meant to be near it. */
const offset = (sequence: number, due: number): number => ((sequence - due + 0x8000) & 0xffff) - 0x8000;
