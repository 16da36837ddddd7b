import type { StageEvents } from './types.ts';

type Air = StageEvents['air'][0];

/** Pauses shorter than this are not worth a word to the viewer, ms. */
const QUIET_PAUSE = 200;
/** A wait is told anew so often, ms, and sooner when it is off by a fifth: who joins late, or counts down, stays right. */
const RENEW = 1_000;
const OFF_BY = 0.2;
/** Instants in a row without their picture until that is told, 200 ms. */
const PATIENCE = 5;
/** Instants in a row with their picture until all is well again: a second, so that the state doesn't flicker with each window. */
const RECOVERY = 25;

/** What is told about the utterance on air: that it speaks, waits for pictures and how long, or goes on without them and why. */
export class AirState {
  #state: Air['state'] = 'idle';
  readonly #say: (event: Air) => void;
  #told: { etaMs: number | undefined; at: number } = { etaMs: 0, at: 0 };
  #missing = 0;
  #whole = 0;

  constructor(say: (event: Air) => void) {
    this.#say = say;
  }

  /** A frame of speech is given out. */
  speaking(utteranceId: string): void {
    if (this.#state === 'speaking' || this.#state === 'degraded') return;
    this.#state = 'speaking';
    this.#missing = 0;
    this.#say({ state: 'speaking', utteranceId });
  }

  /** Nothing is given out before the next clause, for so long as far as known, and because of that. */
  waiting(utteranceId: string, etaMs: number | undefined, now: number, why?: string): void {
    if (etaMs === undefined ? why === undefined : etaMs < QUIET_PAUSE && this.#state !== 'buffering') return;
    const isFresh = this.#state === 'buffering' && now - this.#told.at < RENEW;
    if (isFresh && !this.#isOff(etaMs, now)) return;
    this.#state = 'buffering';
    this.#told = { etaMs, at: now };
    this.#say({
      state: 'buffering',
      ...(etaMs === undefined ? {} : { etaMs }),
      utteranceId,
      ...(why === undefined ? {} : { reason: why }),
    });
  }

  #isOff(etaMs: number | undefined, now: number): boolean {
    if (etaMs === undefined || this.#told.etaMs === undefined) return etaMs !== this.#told.etaMs;
    const left = this.#told.etaMs - (now - this.#told.at);
    return Math.abs(etaMs - left) > Math.max(QUIET_PAUSE, OFF_BY * etaMs);
  }

  /** An instant of speech is past, `whole` or without what belongs to it. */
  shown(utteranceId: string, whole: boolean, why: () => string): void {
    this.#missing = whole ? 0 : this.#missing + 1;
    this.#whole = whole ? this.#whole + 1 : 0;
    if (this.#state === 'speaking' && this.#missing >= PATIENCE) {
      this.#state = 'degraded';
      this.#say({ state: 'degraded', reason: why(), utteranceId });
    } else if (this.#state === 'degraded' && this.#whole >= RECOVERY) {
      this.#state = 'speaking';
      this.#say({ state: 'speaking', utteranceId });
    }
  }

  /** It is held back; who hears it again is told that it speaks. */
  ducked(utteranceId: string): void {
    this.#state = 'ducked';
    this.#say({ state: 'ducked', utteranceId });
  }

  over(utteranceId: string): void {
    this.#state = 'idle';
    this.#missing = 0;
    this.#whole = 0;
    this.#say({ state: 'idle', utteranceId });
  }
}
