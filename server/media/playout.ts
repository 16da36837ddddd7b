import type { Clock } from '#base/clock.ts';
import { MS_PER_FRAME, TICKS_PER_FRAME, TICKS_PER_MS, TICKS_PER_OPUS_FRAME, type AvFrame } from '#base/media.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { Airing } from './airing.ts';
import { AirState } from './air-state.ts';
import { ticksBack } from './hush.ts';
import type { Preference } from './start-rule.ts';
import type { ClauseOnAir, Speech, SpeechReport, StageEvents } from './types.ts';
import { Upcoming } from './upcoming.ts';

const MS_PER_SOUND = 20;
/** What the lead may change from one silent packet to the next: half a packet, so that what the packets hold never goes back in time. */
const LEAD_STEP = TICKS_PER_OPUS_FRAME / 2;
/** A ducked utterance waits so long for somebody to decide about it, ms; then it goes on by itself, since an avatar that is dumb for ever is worse than one that talks on. */
export const DUCKED_AT_MOST = 3_000;

export type Turning = 'speech' | 'idle' | 'ducked';

/** The utterance on air, held back: where in it (ticks) it was silenced, and until when (ms). */
interface Duck {
  readonly position: number;
  /** There was a voice to fade out. */
  readonly faded: boolean;
  until: number;
}

/** Where playout hands things over, each at its instant, in order. */
export interface PlayoutSinks {
  /** 20 ms of sound for the packet of `ticks`, to be heard with the picture of `belongsAt`; undefined is silence. */
  sound(ticks: number, samples: Int16Array | undefined, belongsAt: number): void;
  /** The picture of stage frame `frame`; undefined is idle. `overdue` = the next one is due as well. */
  picture(frame: number, spoken: AvFrame | undefined, overdue: boolean): void;
  /** A lead before it happens: from stage frame `frame` on speech follows idle, or idle follows `last`; ducked, until what was shown is shown again. */
  turning(frame: number, to: Turning, last: AvFrame | undefined): void;
  clause(clause: ClauseOnAir): void;
  clauseOver(clause: StageEvents['clauseOver'][0]): void;
  air(event: StageEvents['air'][0]): void;
}

export interface PlayoutOptions {
  readonly clock: Clock;
  /** How long before the picture of its own timestamp a packet of sound is handed over, always; and the voice's lead at first, ms. */
  readonly leadMs: number;
  readonly metrics: Metrics;
  /** Default: prompt. */
  readonly prefer?: Preference;
}

/**
 * The clock of a stage, always on air at 25 fps. Frame n is due at epoch + n × 40 ms, packets of sound each 20 ms; both are counted
 * from one anchor on the monotonic clock, so nothing drifts. What an instant holds is decided when its first sound is due.
 * The voice's lead may be changed, in silence only: packets then go on at their instants and hold an earlier or a later part of the voice. So a
 * viewer's jitter buffer, which would take up a packet that comes earlier without a sound of it, has nothing to notice (docs/adr/0001-one-clock.md).
 */
export class Playout {
  state: 'idle' | 'open' | 'closed' = 'idle';
  /** Unix ms at which frame 0 was due. */
  epochMs = 0;
  readonly #options: PlayoutOptions;
  readonly #sinks: PlayoutSinks;
  readonly #air: AirState;
  #epoch = 0;
  #nextPicture = 0;
  #nextSound = 0;
  /** The first frame whose content is still open. */
  #nextDecision = 0;
  #cancelTimer: () => void = () => undefined;
  #airing: Airing | undefined;
  /** Ticks by which packets hold a later part of the voice than their timestamps say. */
  #ahead = 0;
  #wantedAhead = 0;
  readonly #upcoming = new Upcoming();
  #last: AvFrame | undefined;
  #duck: Duck | undefined;
  /** Since when somebody wants silence that isn't there yet; and how long it took when it came, ms. */
  #hushAt: number | undefined;
  #hushedMs: number | undefined;
  #stalled = false;
  #heldUntil = Number.NEGATIVE_INFINITY;

  constructor(options: PlayoutOptions, sinks: PlayoutSinks) {
    this.#options = options;
    this.#sinks = sinks;
    this.#air = new AirState((event) => sinks.air(event));
  }

  /** How long before its picture the voice is handed over now, ms. */
  get leadMs(): number {
    return this.#options.leadMs + this.#ahead / TICKS_PER_MS;
  }

  /** The number of the latest released frame. */
  get frame(): number {
    return this.#nextPicture - 1;
  }

  /** The first frame whose content is still open. */
  get undecided(): number {
    return this.#nextDecision;
  }

  get speaking(): boolean {
    return this.#last !== undefined;
  }

  start(): void {
    const { clock, leadMs } = this.#options;
    this.state = 'open';
    this.#epoch = clock.now() + leadMs;
    this.epochMs = clock.wall() + leadMs;
    this.#arm();
  }

  /** Puts an utterance on air as soon as it can't stall. One at a time; resolves when it is off air again. */
  play(speech: Speech): Promise<SpeechReport> {
    if (this.#airing) throw new Error('an utterance is already on air');
    const airing = new Airing(speech, this.#options.prefer);
    if (this.state === 'closed') airing.finish('interrupted');
    else this.#airing = airing;
    return airing.report;
  }

  /** Lets the voice run `ms` ahead of its picture, from the silence to come on. Not below zero: a picture can't be decided before its sound. */
  lead(ms: number): void {
    this.#wantedAhead = Math.round((Math.max(0, ms) - this.#options.leadMs) * TICKS_PER_MS);
  }

  /** Off the air now: the next sound fades out within its 20 ms, the next picture is idle. `since` = when the host began to speak, clock ms. */
  cut(since = this.#options.clock.now()): void {
    const airing = this.#airing;
    if (!airing) return;
    const { position } = this.#duck ?? this.#hush(airing, 'idle', since);
    this.#duck = undefined;
    this.#observe();
    this.#off(airing, 'interrupted', position);
  }

  /** As silent as after a cut, but the utterance is held, to go on or to be cut. Nothing happens while none is on air, or when it is ducked already. */
  duck(since = this.#options.clock.now()): void {
    const airing = this.#airing;
    if (!airing || this.#duck) return;
    this.#duck = { ...this.#hush(airing, 'ducked', since), until: this.#options.clock.now() + DUCKED_AT_MOST };
    if (airing.startedAt !== undefined) this.#air.ducked(airing.speech.utteranceId);
  }

  /** It goes on at the word it was faded out in. */
  unduck(): void {
    if (this.#duck) this.#duck.until = Number.NEGATIVE_INFINITY;
  }

  /** Lets the present clause end, then goes off air. */
  drain(): void {
    if (this.#airing) this.#airing.draining = true;
  }

  /** No clause begins within the next `ms`; the one on air goes on to its end. */
  hold(ms: number): void {
    this.#heldUntil = this.#options.clock.now() + ms;
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.#cancelTimer();
    this.#airing?.finish('interrupted', this.#duck?.position);
    this.#airing = undefined;
  }

  /** Clock ms at which a packet of sound is due, however late it is handed over. */
  soundDue(sound: number): number {
    return this.#epoch + sound * MS_PER_SOUND - this.#options.leadMs;
  }

  #pictureDue(frame: number): number {
    return this.#epoch + frame * MS_PER_FRAME;
  }

  #arm(): void {
    const due = Math.min(this.soundDue(this.#nextSound), this.#pictureDue(this.#nextPicture));
    this.#cancelTimer = this.#options.clock.at(due, () => this.#tick());
  }

  /** Everything that is due, in the order of its instants; a sound comes before the picture of the same instant. */
  #tick(): void {
    const now = this.#options.clock.now();
    while (this.state === 'open') {
      const sound = this.soundDue(this.#nextSound);
      const picture = this.#pictureDue(this.#nextPicture);
      if (Math.min(sound, picture) > now) break;
      if (sound <= picture) this.#releaseSound(this.#nextSound++);
      else this.#releasePicture(this.#nextPicture++, picture + MS_PER_FRAME <= now);
    }
    if (this.state === 'open') this.#arm();
  }

  #releaseSound(sound: number): void {
    const belongsAt = this.#belongsAt(sound);
    while (this.#nextDecision * TICKS_PER_FRAME < belongsAt + TICKS_PER_OPUS_FRAME) this.#decide(this.#nextDecision++);
    const samples = this.#upcoming.take(belongsAt);
    this.#sinks.sound(sound * TICKS_PER_OPUS_FRAME, samples, belongsAt);
    this.#upcoming.forget(this.#nextPicture, belongsAt);
    if (!samples) this.#ahead += Math.max(-LEAD_STEP, Math.min(LEAD_STEP, this.#wantedAhead - this.#ahead));
    if (this.#hushAt !== undefined) this.#hushedMs = this.#options.clock.now() - this.#hushAt;
    this.#hushAt = undefined;
    if (!this.#duck) this.#observe();
  }

  /** Silence has come, and it was an interruption. */
  #observe(): void {
    if (this.#hushAt !== undefined || this.#hushedMs === undefined) return;
    this.#options.metrics.bargeInMs.observe(this.#hushedMs);
    this.#hushedMs = undefined;
  }

  /** Silence from the next packet on, which fades out, and idle from the next picture on. */
  #hush(airing: Airing, to: 'idle' | 'ducked', since: number): { readonly position: number; readonly faded: boolean } {
    const belongsAt = this.#belongsAt(this.#nextSound);
    const position = this.#upcoming.position(belongsAt) ?? airing.position;
    const last = this.#last ?? this.#upcoming.last;
    const undecided = { frame: this.#nextDecision, sound: this.#last && airing.peekSound() };
    const faded = this.#upcoming.hush(belongsAt, undecided);
    if (faded) this.#hushAt = since;
    this.#last = undefined;
    if (last) this.#sinks.turning(this.#nextPicture, to, last);
    return { position, faded };
  }

  #belongsAt(sound: number): number {
    return sound * TICKS_PER_OPUS_FRAME + this.#ahead;
  }

  #releasePicture(frame: number, overdue: boolean): void {
    const spoken = this.#upcoming.at(frame);
    if (spoken && this.#airing) this.#told(this.#airing, spoken.picture !== undefined, spoken.picture?.lesser);
    this.#sinks.picture(frame, spoken, overdue);
  }

  #decide(frame: number): void {
    const airing = this.#airing;
    if (!airing || this.#upcoming.fades) return this.#rest(frame);
    if (this.#duck && !this.#goesOn(airing, frame, this.#duck)) return this.#rest(frame);
    const inside = airing.state === 'speaking';
    const now = this.#options.clock.now();
    const next = airing.next(now, Math.max(0, this.#heldUntil - now));
    if (next.kind === 'frame') return this.#speak(airing, frame, next.frame);
    if (next.kind === 'stall' && inside && !this.#stalled) {
      this.#stalled = true;
      this.#options.metrics.playoutStalls.inc();
    }
    if (next.kind === 'stall') this.#told(airing, false);
    this.#rest(frame);
    if (next.kind === 'end') this.#off(airing, airing.draining && !airing.complete ? 'interrupted' : 'done');
    else if (next.kind === 'wait') this.#air.waiting(airing.speech.utteranceId, next.etaMs, now, next.why);
  }

  /** Whether a ducked utterance goes on now; then at the word it was faded out in. */
  #goesOn(airing: Airing, frame: number, { position, faded, until }: Duck): boolean {
    if (!airing.draining && this.#options.clock.now() < until) return false;
    this.#duck = this.#hushedMs = undefined;
    if (airing.draining) this.#off(airing, 'interrupted', position);
    if (airing.draining) return false;
    const from = position - (faded ? ticksBack(airing.soundBefore(position)) : 0);
    if (faded) this.#upcoming.fadeIn(frame * TICKS_PER_FRAME + (from % TICKS_PER_FRAME));
    airing.goBack(from);
    const clause = airing.state === 'speaking' && airing.clauseOnAir(frame);
    if (clause) this.#sinks.clause(clause);
    return true;
  }

  #told(airing: Airing, whole: boolean, lesser?: string): void {
    const why = (): string => lesser ?? airing.trouble(this.#options.clock.now());
    this.#air.shown(airing.speech.utteranceId, whole && lesser === undefined, why);
  }

  #speak(airing: Airing, frame: number, spoken: AvFrame): void {
    if (!this.#last) this.#sinks.turning(frame, 'speech', undefined);
    if (airing.startedAt === undefined) airing.startedAt = this.#pictureDue(frame);
    this.#upcoming.decide(frame, spoken);
    this.#last = spoken;
    this.#air.speaking(airing.speech.utteranceId);
    const clause = (spoken.startOfClause || this.#stalled) && airing.clauseOnAir(frame + 1);
    this.#stalled = false;
    if (clause) this.#sinks.clause(clause);
    if (spoken.endOfClause) this.#sinks.clauseOver({ utteranceId: airing.speech.utteranceId, clause: spoken.clause });
  }

  #rest(frame: number): void {
    if (!this.#last) return;
    const last = this.#last;
    this.#last = undefined;
    this.#sinks.turning(frame, 'idle', last);
  }

  #off(airing: Airing, outcome: SpeechReport['outcome'], heard?: number): void {
    this.#airing = undefined;
    this.#stalled = false;
    airing.finish(outcome, heard);
    this.#air.over(airing.speech.utteranceId);
  }
}
