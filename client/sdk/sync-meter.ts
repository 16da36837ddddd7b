/** RTP timestamps have 32 bits and count the stage's ticks: sounds at 48 kHz, pictures at 90 kHz. Both wrap at multiples of this, ms. */
const WRAP = 2 ** 32 / 15 / 48;
/** Opus' own look-ahead at 48 kHz, 312 samples: a packet's sound comes so much after the instant it is stamped with, ms. */
const OPUS_LOOKAHEAD = 6.5;
/**
 * The jitter buffer names a packet when it opens it, while it still holds up to 10 ms of the packet before, ms. Chromium says no more exactly where
 * in a packet it is; flash against beep gave 7.6 and 10.1.
 */
const LEFT_OVER = 8;
/** Measurements without which nothing is said: fewer come from a tab in the background, or from a stream that has just begun. */
const ENOUGH = 20;
/** A report tells of the latest 2 s, ms: what a jitter buffer did before is over. */
const LATEST = 2_000;
/** How much the sound's delay may vary within one report, ms. Two readings of one packet lie 10 apart; more means that the jitter buffer is moving. */
const STEADY = 12;

export interface Offset {
  readonly offsetMs: number;
  readonly samples: number;
}

/** Finds how much later than its picture a sound is heard, from what the browser says of both. Times are ms of this page's monotonic clock. */
export class SyncMeter {
  /** How long after its instant on the stage each was shown or given out, from an origin common to both. */
  #pictures: Delay[] = [];
  #sounds: Delay[] = [];
  #latestSound = 0;

  /** A picture is on the screen at `shownMs`. */
  picture(rtpTimestamp: number, shownMs: number): void {
    this.#pictures.push({ at: shownMs, delay: shownMs - rtpTimestamp / 90 });
  }

  /** At `playedMs` the jitter buffer gave out sound of this packet. Told twice, it counts once. */
  sound(rtpTimestamp: number, playedMs: number): void {
    if (playedMs === this.#latestSound) return;
    this.#latestSound = playedMs;
    this.#sounds.push({ at: playedMs, delay: playedMs - rtpTimestamp / 48 });
  }

  /** The latest offset since the last call, and begins anew. @param outputMs from the jitter buffer to the ear */
  take(outputMs: number): Offset | undefined {
    const [pictures, sounds] = [latest(this.#pictures), latest(this.#sounds)];
    [this.#pictures, this.#sounds] = [[], []];
    const origin = pictures[0];
    if (origin === undefined || pictures.length < ENOUGH || sounds.length < ENOUGH) return undefined;
    const seen = pictures.map((ms) => unwrapped(ms - origin));
    const heard = sounds.map((ms) => unwrapped(ms - origin));
    if (share(heard, 0.9) - share(heard, 0.1) > STEADY) return undefined;
    // A packet is given out in two halves, so the earlier of both is when it was opened.
    const ear = share(heard, 0.25) + LEFT_OVER + OPUS_LOOKAHEAD + outputMs;
    return { offsetMs: Math.round((ear - share(seen, 0.5)) * 10) / 10, samples: pictures.length };
  }
}

interface Delay {
  readonly at: number;
  readonly delay: number;
}

function latest(delays: readonly Delay[]): number[] {
  const end = delays.at(-1)?.at ?? 0;
  return delays.filter(({ at }) => end - at < LATEST).map(({ delay }) => delay);
}

const unwrapped = (ms: number): number => ms - WRAP * Math.round(ms / WRAP);

function share(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
}
