import { above, BANDS, Bands } from './bands.ts';
import { EchoFilter, BLOCK, TAPS } from './echo-filter.ts';
import { EchoFinder } from './echo-finder.ts';
import { SoundLine } from './sound-line.ts';
import { Spectra } from './spectrum.ts';

const PER_MS = 16;
/** The longest way from the instant of sending to the microphone and back, samples: 1 s. A browser whose network stutters buffers for long. */
const LONGEST = 16_000;
/** The filter begins a little before the echo does, samples: a delay that shrinks a little stays in it. */
const HEAD = 320;
/** Sound that is looked for with no path known, and with one, samples. */
const LONG = 4_096;
const SHORT = 1_024;
/** Frames between looks while there is no delay. */
const LOOK_EVERY = 6;
/** Shares of what is heard that make a delay: at once, and when two looks agree. */
const SURE = 0.3;
const LIKELY = 0.12;
const SAME = 160;
/** The same of two looks for an echo that has moved, samples. */
const STILL = 16;
/** The same of a short piece with the path known. */
const MOVED = 0.5;
/** So much more of it than with the delay as it was: a vowel fits a period further, too. */
const BETTER = 1.3;
/** The avatar has begun to speak anew after so many frames of silence: viewers' buffers have often changed their delay meanwhile. */
const PAUSED = 16;
/** Frames for which a delay isn't believed: after the avatar's voice has set in (and its way has passed), and after a move, since a buffer seldom moves once. */
const UNSETTLED = { setIn: 8, moved: 3 };
/** Frames of a person before the echo is no longer looked for elsewhere in each, and then between looks: looking costs more than all the rest. */
const BELIEVED = 4;
/** Frames by which a path just found is learned from what was heard before. */
const REPLAYED = 40;
/**
 * A delay is given up when so little of what is heard is explained, on average over a second or so of the avatar's voice, and when it hasn't explained enough
 * after its first frames: a wrong one can explain a little for long.
 */
const TRUST = { first: 0.5, step: 0.03, least: 0.05, proof: 0.55, within: 60, enough: 0.25 };
/** Two blocks of what was sent with less energy than this are silence. */
const SILENT = 2e-3;
/** How a room fades from frame to frame: 60 dB in 0.6 s. */
const FADING = 0.48;
/** Steps of the share of an echo that the filter leaves, per band: up at once, down slowly, hardly at all while somebody speaks. */
const LEAK = { first: 0.3, up: 1.25, down: 0.985, upWhileNear: 1.01, least: 0.002, most: 4 };
/** Steps of how loud an echo can be: down while none is found, hardly while there is one. */
const BOUND = { first: 1, up: 1.3, down: 0.92, downWithEcho: 0.998, least: 1e-6 };
/** The score from which a person is heard, and from which one still is, dB over all bands. */
const NEAR = { from: 2.6, still: 1.2 };

export interface Judged {
  /** How much of the frame is explained by the avatar's own voice, 0…1. */
  readonly echo: number;
  /** Somebody else is heard, not only the avatar. */
  readonly near: boolean;
  /** The frame without what is explained, for who recognises words. */
  readonly rest: Int16Array;
}

/**
 * Tells the avatar's own voice, come back through loudspeaker, room and microphone, from a person's (docs/listening.md). Knows every sample that was sent
 * and when; finds the delay by correlation, learns the path, subtracts it, and looks at what is left.
 */
export class EchoGuard {
  readonly #sent = new SoundLine({ gridMs: 20, toleranceMs: 8, jumpMs: 10 });
  readonly #heard = new SoundLine({ gridMs: 1, toleranceMs: 40, jumpMs: 200 });
  readonly #filter = new EchoFilter();
  readonly #finder = new EchoFinder();
  readonly #spectra = new Spectra(BLOCK);
  readonly #bands = new Bands(BLOCK);
  readonly #riskBands = new Bands(2 * BLOCK);
  readonly #frame = new Float64Array(BLOCK);
  readonly #rest = new Float64Array(BLOCK);
  readonly #long = new Float64Array(LONG);
  readonly #short = new Float64Array(SHORT);
  readonly #taps = new Float64Array(TAPS);
  readonly #spectrum = new Float64Array(2 * this.#spectra.bins);
  readonly #powers = Object.fromEntries(
    ['heard', 'rest', 'echo', 'risk', 'sent'].map((name) => [name, new Float64Array(BANDS)]),
  ) as Record<'heard' | 'rest' | 'echo' | 'risk' | 'sent', Float64Array>;
  readonly #noise = new Float64Array(BANDS).fill(1e-6);
  readonly #smeared = new Float64Array(BANDS);
  readonly #leak = new Float64Array(BANDS).fill(LEAK.first);
  readonly #bound = new Float64Array(BANDS).fill(BOUND.first);
  readonly #sentLately: Float64Array[] = [];
  #lag: number | undefined;
  #guess = Number.NaN;
  #trust = TRUST.first;
  /** Frames left in which the delay must prove right; 0 once it has. */
  #unproven = 0;
  #frames = 0;
  #silent = 0;
  /** Until this frame, only what is louder than the echo has been is a person. */
  #unsettled = 0;
  #isIdle = true;
  #isNear = false;
  /** Frames in a row in which a person was heard. */
  #nearFor = 0;

  /** What was handed over, mono at 16 kHz; `at`: clock ms when. Silence need not be told. */
  sent(samples: Int16Array, at: number): void {
    this.#sent.add(samples, at);
  }

  /** The delay that was found, ms. */
  get delayMs(): number | undefined {
    return this.#lag === undefined ? undefined : (this.#lag + HEAD) / PER_MS;
  }

  /** The microphone's next 512 samples at 16 kHz; `at`: clock ms when the last of them was there. */
  judge(samples: Int16Array, at: number): Judged {
    const drifted = this.#heard.drifted;
    this.#heard.add(samples, at - BLOCK / PER_MS);
    if (this.#lag !== undefined && !this.#isIdle) this.#lag += this.#heard.drifted - drifted;
    this.#frames += 1;
    const end = this.#heard.end;
    const { heard } = this.#powers;
    this.#heard.read(end - BLOCK, this.#frame);
    this.#measure(this.#frame, heard);
    this.#followNoise();
    // Nothing sent can be heard any more.
    if (!(end - this.#sent.end < LONGEST + TAPS)) {
      this.#isIdle = true;
      this.#isNear = false;
      this.#nearFor = 0;
      this.#smeared.fill(0);
      return { echo: 0, near: true, rest: samples };
    }
    if (this.#lag === undefined) this.#look(end);
    else if (this.#isIdle) this.#filter.align(this.#sent, end - BLOCK - this.#lag);
    this.#isIdle = false;
    const most = this.#loudestLately(end);
    const judged = this.#lag === undefined ? this.#judgeBlindly(samples, most) : this.#judgeByPath(samples, end, this.#lag, most);
    this.#followBound(most);
    return judged;
  }

  /** Without a delay: louder than anything that was sent could be, as far as is known by now. */
  #judgeBlindly(samples: Int16Array, most: Float64Array): Judged {
    this.#decide(this.#beyond(most));
    return { echo: 0, near: this.#isNear, rest: samples };
  }

  #beyond(most: Float64Array): number {
    const { heard, sent } = this.#powers;
    for (let band = 0; band < BANDS; band += 1) sent[band] = this.#bound[band]! * most[band]!;
    return above(heard, sent, this.#noise);
  }

  /** The avatar's voice sets in after a pause. */
  #followSetIn(latest: Float64Array): void {
    if (sum(latest) < SILENT) this.#silent += 1;
    else {
      if (this.#silent >= PAUSED) this.#doubt(Math.ceil((this.#lag ?? 0) / BLOCK) + UNSETTLED.setIn);
      this.#silent = 0;
    }
  }

  #doubt(frames: number): void {
    this.#unsettled = Math.max(this.#unsettled, this.#frames + frames);
  }

  /** How loud an echo can be against what was sent, also for when its delay is lost. */
  #followBound(most: Float64Array): void {
    const { heard } = this.#powers;
    const down = this.#lag === undefined || this.#unproven > 0 ? BOUND.down : BOUND.downWithEcho;
    for (let band = 0; band < BANDS; band += 1) {
      if (most[band]! < 1e-4) continue;
      const bound = this.#bound[band]!;
      if (heard[band]! < bound * most[band]!) this.#bound[band] = Math.max(BOUND.least, bound * down);
      else if (!this.#isNear) this.#bound[band] = bound * BOUND.up;
    }
  }

  #judgeByPath(samples: Int16Array, end: number, lag: number, most: Float64Array): Judged {
    const { heard, rest, echo, risk } = this.#powers;
    this.#subtract(end, lag);
    this.#measure(this.#rest, rest);
    this.#measure(this.#filter.echo, echo);
    this.#riskBands.ofPower(this.#filter.risk, risk);
    for (let band = 0; band < BANDS; band += 1) {
      // The risk is of two blocks, and sums of squares grow with the length twice.
      this.#smeared[band] = Math.max(echo[band]!, FADING * this.#smeared[band]!);
      risk[band] = 0.25 * risk[band]! + this.#leak[band]! * this.#smeared[band]!;
    }
    const found = above(rest, risk, this.#noise);
    const isNews = this.#nearFor < BELIEVED || this.#nearFor % BELIEVED === 0;
    if (found >= NEAR.still && isNews && this.#unproven === 0 && this.#hasMoved(end, lag))
      return this.#judgeByPath(samples, end, this.#lag ?? lag, most);
    this.#decide(this.#unproven > 0 || this.#frames < this.#unsettled ? Math.min(found, this.#beyond(most)) : found);
    this.#filter.learn(this.#rest);
    this.#followLeak();
    const echoShare = Math.max(0, 1 - sum(rest) / (sum(heard) + 1e-9));
    this.#followTrust(echoShare);
    // A path that fits nothing adds sound instead of taking some away.
    return { echo: echoShare, near: this.#isNear, rest: echoShare > 0 ? Int16Array.from(this.#rest, toSample) : samples };
  }

  /** A delay that explains nothing was never right, or is no more: another is looked for. */
  #followTrust(echoShare: number): void {
    if (this.#filter.sent < SILENT || sum(this.#powers.heard) < 4 * sum(this.#noise)) return;
    this.#trust += TRUST.step * (echoShare - this.#trust);
    if (this.#trust > TRUST.proof) this.#unproven = 0;
    const isRefuted = this.#unproven > 0 && --this.#unproven === 0 && this.#trust < TRUST.enough;
    if (isRefuted || this.#trust < TRUST.least) this.#lag = undefined;
  }

  #subtract(end: number, lag: number): void {
    this.#filter.predict(this.#sent, end - BLOCK - lag);
    for (let at = 0; at < BLOCK; at += 1) this.#rest[at] = this.#frame[at]! - this.#filter.echo[at]!;
  }

  #decide(found: number): void {
    this.#isNear = found >= (this.#isNear ? NEAR.still : NEAR.from);
    this.#nearFor = this.#isNear ? this.#nearFor + 1 : 0;
  }

  #look(end: number): void {
    if (this.#frames % LOOK_EVERY > 0 || sum(this.#powers.heard) < 4 * sum(this.#noise)) return;
    this.#heard.read(end - LONG, this.#long);
    const { lag, share, rival } = this.#finder.find(this.#sent, this.#long, end, LONGEST);
    const agrees = Math.abs(lag - this.#guess) < SAME;
    this.#guess = share > LIKELY ? lag : Number.NaN;
    if (share > 1.3 * rival && (share > SURE || (share > LIKELY && agrees))) this.#lock(end, lag);
  }

  /** From now on the echo comes `lag` samples after it was sent; what was heard lately teaches the path at once. */
  #lock(end: number, lag: number): void {
    this.#lag = lag - HEAD;
    this.#trust = TRUST.first;
    this.#unproven = TRUST.within;
    this.#filter.forget();
    this.#leak.fill(LEAK.first);
    this.#filter.align(this.#sent, end - (REPLAYED + 1) * BLOCK - this.#lag);
    for (let frame = REPLAYED; frame > 0; frame -= 1) {
      this.#heard.read(end - (frame + 1) * BLOCK, this.#frame);
      this.#subtract(end - frame * BLOCK, this.#lag);
      this.#filter.learn(this.#rest);
    }
    this.#heard.read(end - BLOCK, this.#frame);
  }

  /** What looks like a person may be the echo after its delay has changed: then the path that was learned fits elsewhere. */
  #hasMoved(end: number, lag: number): boolean {
    this.#heard.read(end - SHORT, this.#short);
    this.#filter.taps(this.#taps);
    const found = this.#finder.find(this.#sent, this.#short, end, LONGEST, this.#taps);
    if (found.share < MOVED || found.share < BETTER * this.#finder.shareNear(lag)) return false;
    this.#doubt(UNSETTLED.moved);
    const agrees = Math.abs(found.lag - this.#guess) < STILL;
    this.#guess = found.lag;
    if (!agrees) return false;
    this.#lag = found.lag;
    this.#filter.align(this.#sent, end - BLOCK - found.lag);
    return true;
  }

  /** The most that was sent in any frame that can be heard now. */
  #loudestLately(end: number): Float64Array {
    const latest = new Float64Array(BANDS);
    const sound = new Float64Array(BLOCK);
    this.#sent.read(end - BLOCK, sound);
    this.#measure(sound, latest);
    this.#followSetIn(latest);
    this.#sentLately.unshift(latest);
    if (this.#sentLately.length * BLOCK > LONGEST + TAPS) this.#sentLately.pop();
    return Float64Array.from(latest, (_, band) => Math.max(...this.#sentLately.map((powers) => powers[band]!)));
  }

  #measure(sound: Float64Array, into: Float64Array): void {
    this.#spectra.of(sound, this.#spectrum);
    this.#bands.ofSpectrum(this.#spectrum, into);
  }

  #followNoise(): void {
    const { heard } = this.#powers;
    for (let band = 0; band < BANDS; band += 1)
      this.#noise[band] =
        heard[band]! < this.#noise[band]! ? 0.8 * this.#noise[band]! + 0.2 * heard[band]! : this.#noise[band]! * 1.015;
  }

  #followLeak(): void {
    const { rest } = this.#powers;
    for (let band = 0; band < BANDS; band += 1) {
      const echo = this.#smeared[band]!;
      if (echo < 4 * this.#noise[band]!) continue;
      const share = Math.max(0, rest[band]! - this.#noise[band]!) / echo;
      const step = share < this.#leak[band]! ? LEAK.down : this.#isNear ? LEAK.upWhileNear : LEAK.up;
      this.#leak[band] = Math.min(LEAK.most, Math.max(LEAK.least, this.#leak[band]! * step));
    }
  }
}

const sum = (powers: Float64Array): number => powers.reduce((all, power) => all + power, 0);

const toSample = (value: number): number => Math.max(-32_768, Math.min(32_767, Math.round(value * 32_768)));
