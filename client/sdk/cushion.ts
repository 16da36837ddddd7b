import type { Owned } from './owned.ts';
import { PROBATION_SSRC } from './stats.ts';

/** How often losses are looked at, ms. */
const EVERY = 1_000;
/** What is held back grows and shrinks by so much at a time, ms: all at once it would be a gap of its own. */
const STEP = 40;
const STEP_EVERY = 200;
/** Requests for lost packets in that time, as a share of what came, from which the network counts as lossy. */
const LOSSY = 0.01;
/** From here on what is sent again is often lost again. */
const VERY_LOSSY = 0.12;
/** A browser notices a loss with the next picture (40 ms) and asks for it at once, and again each 100–120 ms. */
const ONE_REPEAT = 160;
const TWO_REPEATS = 280;
/** The most the server lets pictures be held back, ms: the playout delay it sends. */
const MOST = 400;
/**
 * What sound is held back where nothing is lost, ms. Chromium by itself goes to and fro between 30 and 80 ms, 10 at a time, and each move puts lips and
 * voice apart; asked for this much it stays, with no more delay (docs/timing.md).
 */
const SOUND_BUFFER = 60;
/** How long nothing must have been lost before the cushion is taken away, ms. */
const CALM = 30_000;

/** Packets received, requests for lost ones, both since the start, and the round trip. */
export interface Losses {
  readonly received: number;
  readonly requested: number;
  readonly roundTripMs: number;
}

/** How long pictures are held back: the longest that was needed since the network was last calm. */
export interface Hold {
  readonly ms: number;
  readonly lossyAt: number;
}

export const NO_HOLD: Hold = { ms: 0, lossyAt: Number.NEGATIVE_INFINITY };

/** What to hold after `losses` grew from `before` to `now`. */
export function follow(hold: Hold, before: Losses, now: Losses, atMs: number): Hold {
  const requested = now.requested - before.requested;
  const share = requested / Math.max(1, now.received - before.received);
  // A single one may only have been overtaken.
  if (requested < 2 || share < LOSSY) return atMs - hold.lossyAt > CALM ? NO_HOLD : hold;
  const needed = Math.min(MOST, Math.round(now.roundTripMs) + (share < VERY_LOSSY ? ONE_REPEAT : TWO_REPEATS));
  return { ms: Math.max(hold.ms, needed), lossyAt: atMs };
}

export function losses(report: RTCStatsReport): Losses {
  let [received, requested, roundTripMs] = [0, 0, 0];
  report.forEach((stats: RTCInboundRtpStreamStats & RTCIceCandidatePairStats) => {
    if (stats.type === 'inbound-rtp' && stats.ssrc !== PROBATION_SSRC) {
      received += stats.packetsReceived ?? 0;
      requested += stats.nackCount ?? 0;
    }
    if (stats.type === 'candidate-pair' && stats.nominated) roundTripMs = (stats.currentRoundTripTime ?? 0) * 1_000;
  });
  return { received, requested, roundTripMs };
}

/** On a network that loses packets, pictures and sound wait so long that what is sent again comes in time; elsewhere they don't wait. */
export class Cushion {
  /** How long pictures are held back now, ms. */
  ms = 0;
  #hold = NO_HOLD;
  #before: Losses = { received: 0, requested: 0, roundTripMs: 0 };
  readonly #receivers: readonly RTCRtpReceiver[];

  private constructor(receivers: readonly RTCRtpReceiver[]) {
    this.#receivers = receivers;
  }

  /** Looks after `receivers` until `owned` closes. */
  static lay(receivers: readonly RTCRtpReceiver[], stats: () => Promise<RTCStatsReport>, owned: Owned): Cushion {
    const cushion = new Cushion(receivers);
    for (const receiver of receivers) setHold(receiver, 0);
    const look = async (): Promise<void> => cushion.#take(losses(await stats()), performance.now());
    owned.every(EVERY, () => void look().catch(() => undefined));
    owned.every(STEP_EVERY, () => cushion.#step());
    return cushion;
  }

  #take(now: Losses, atMs: number): void {
    this.#hold = follow(this.#hold, this.#before, now, atMs);
    this.#before = now;
  }

  #step(): void {
    const left = this.#hold.ms - this.ms;
    if (left === 0) return;
    this.ms += Math.max(-STEP, Math.min(STEP, left));
    for (const receiver of this.#receivers) setHold(receiver, this.ms);
  }
}

/** Where a browser doesn't let it be set, its own judgement stays. Sound waits as much longer as it always does, so that it stays in step. */
function setHold(receiver: RTCRtpReceiver, ms: number): void {
  if (!('jitterBufferTarget' in receiver)) return;
  receiver.jitterBufferTarget = receiver.track.kind === 'audio' ? ms + SOUND_BUFFER : ms || null;
}
