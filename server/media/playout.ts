import type { Clock } from '#base/clock.ts';
import { MS_PER_FRAME, TICKS_PER_FRAME, TICKS_PER_MS, TICKS_PER_OPUS_FRAME, type AvFrame } from '#base/media.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { Airing } from './airing.ts';
import { AirState } from './air-state.ts';
import type { Preference } from './start-rule.ts';
import type { ClauseOnAir, Speech, SpeechReport, StageEvents } from './types.ts';

const MS_PER_SOUND = 20;
/** What the lead may change from one silent packet to the next: half a packet, so that what the packets hold never goes back in time. */
const LEAD_STEP = TICKS_PER_OPUS_FRAME / 2;

/** Where playout hands things over, each at its instant, in order. */
export interface PlayoutSinks {
  /** 20 ms of sound for the packet of `ticks`, to be heard with the picture of `belongsAt`; undefined is silence. */
  sound(ticks: number, samples: Int16Array | undefined, belongsAt: number): void;
  /** The picture of stage frame `frame`; undefined is idle. `overdue` = the next one is due as well. */
  picture(frame: number, spoken: AvFrame | undefined, overdue: boolean): void;
  /** A lead before it happens: from stage frame `frame` on speech follows idle, or idle follows `last`. */
  turning(frame: number, to: 'speech' | 'idle', last: AvFrame | undefined): void;
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
  readonly #decided = new Map<number, AvFrame>();
  #last: AvFrame | undefined;
  #fadeOut: Int16Array | undefined;
  #cutAt: number | undefined;
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

  /** Off the air now: the next sound fades out within its 20 ms, the next picture is idle. */
  cut(): void {
    const airing = this.#airing;
    if (!airing) return;
    const next = airing.peekSound();
    const sound = this.#soundOf(this.#nextSound, (frame) =>
      frame < this.#nextDecision ? this.#decided.get(frame)?.sound : next,
    );
    if (sound && this.#last) this.#fadeOut = fadedOut(sound);
    this.#cutAt = this.#options.clock.now();
    const last = this.#last ?? [...this.#decided.values()].at(-1);
    this.#decided.clear();
    this.#off(airing, 'interrupted');
    if (last) this.#sinks.turning(this.#nextPicture, 'idle', last);
    this.#last = undefined;
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
    this.#airing?.finish('interrupted');
    this.#airing = undefined;
  }

  #soundDue(sound: number): number {
    return this.#epoch + sound * MS_PER_SOUND - this.#options.leadMs;
  }

  #pictureDue(frame: number): number {
    return this.#epoch + frame * MS_PER_FRAME;
  }

  #arm(): void {
    const due = Math.min(this.#soundDue(this.#nextSound), this.#pictureDue(this.#nextPicture));
    this.#cancelTimer = this.#options.clock.at(due, () => this.#tick());
  }

  /** Everything that is due, in the order of its instants; a sound comes before the picture of the same instant. */
  #tick(): void {
    const now = this.#options.clock.now();
    while (this.state === 'open') {
      const sound = this.#soundDue(this.#nextSound);
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
    const samples = this.#fadeOut ?? this.#soundOf(sound, (frame) => this.#decided.get(frame)?.sound);
    this.#fadeOut = undefined;
    this.#sinks.sound(sound * TICKS_PER_OPUS_FRAME, samples, belongsAt);
    for (const past of this.#decided.keys())
      if (past < this.#nextPicture && (past + 1) * TICKS_PER_FRAME <= belongsAt) this.#decided.delete(past);
    if (!samples) this.#ahead += Math.max(-LEAD_STEP, Math.min(LEAD_STEP, this.#wantedAhead - this.#ahead));
    if (this.#cutAt === undefined) return;
    this.#options.metrics.bargeInMs.observe(this.#options.clock.now() - this.#cutAt);
    this.#cutAt = undefined;
  }

  #belongsAt(sound: number): number {
    return sound * TICKS_PER_OPUS_FRAME + this.#ahead;
  }

  /** What a packet holds of its one or two frames; undefined when that is silence. */
  #soundOf(sound: number, of: (frame: number) => Int16Array | undefined): Int16Array | undefined {
    const belongsAt = this.#belongsAt(sound);
    const frame = Math.floor(belongsAt / TICKS_PER_FRAME);
    const from = belongsAt - frame * TICKS_PER_FRAME;
    const [one, other] = [of(frame), from + TICKS_PER_OPUS_FRAME > TICKS_PER_FRAME ? of(frame + 1) : undefined];
    if (from + TICKS_PER_OPUS_FRAME <= TICKS_PER_FRAME) return one?.subarray(from, from + TICKS_PER_OPUS_FRAME);
    if (!one && !other) return undefined;
    const joined = new Int16Array(TICKS_PER_OPUS_FRAME);
    if (one) joined.set(one.subarray(from));
    if (other) joined.set(other.subarray(0, from + TICKS_PER_OPUS_FRAME - TICKS_PER_FRAME), TICKS_PER_FRAME - from);
    return joined;
  }

  #releasePicture(frame: number, overdue: boolean): void {
    const spoken = this.#decided.get(frame);
    if (spoken && this.#airing) this.#told(this.#airing, spoken.picture !== undefined, spoken.picture?.lesser);
    this.#sinks.picture(frame, spoken, overdue);
  }

  #decide(frame: number): void {
    const airing = this.#airing;
    if (!airing) return this.#rest(frame);
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

  #told(airing: Airing, whole: boolean, lesser?: string): void {
    const why = (): string => lesser ?? airing.trouble(this.#options.clock.now());
    this.#air.shown(airing.speech.utteranceId, whole && lesser === undefined, why);
  }

  #speak(airing: Airing, frame: number, spoken: AvFrame): void {
    if (!this.#last) this.#sinks.turning(frame, 'speech', undefined);
    if (airing.startedAt === undefined) airing.startedAt = this.#pictureDue(frame);
    this.#decided.set(frame, spoken);
    this.#stalled = false;
    this.#last = spoken;
    this.#air.speaking(airing.speech.utteranceId);
    if (spoken.startOfClause) this.#sinks.clause(this.#clauseOnAir(airing, frame, spoken));
    if (spoken.endOfClause) this.#sinks.clauseOver({ utteranceId: airing.speech.utteranceId, clause: spoken.clause });
  }

  #rest(frame: number): void {
    if (!this.#last) return;
    const last = this.#last;
    this.#last = undefined;
    this.#sinks.turning(frame, 'idle', last);
  }

  #off(airing: Airing, outcome: SpeechReport['outcome']): void {
    this.#airing = undefined;
    this.#stalled = false;
    airing.finish(outcome);
    this.#air.over(airing.speech.utteranceId);
  }

  #clauseOnAir(airing: Airing, startFrame: number, spoken: AvFrame): ClauseOnAir {
    const { outlook, utteranceId } = airing.speech;
    const from = airing.position - TICKS_PER_FRAME;
    const end = outlook.clauseEndAfter(from) ?? outlook.known;
    return {
      utteranceId,
      clause: spoken.clause,
      outlook,
      startFrame,
      endFrame: startFrame + Math.ceil((end - from) / TICKS_PER_FRAME),
    };
  }
}

/** 20 ms of `sound` going to nothing along half a cosine, which has no click. */
function fadedOut(sound: Int16Array): Int16Array {
  const faded = new Int16Array(TICKS_PER_OPUS_FRAME);
  for (let i = 0; i < faded.length; i += 1) {
    faded[i] = Math.round((sound[i] ?? 0) * 0.5 * (1 + Math.cos((Math.PI * i) / faded.length)));
  }
  return faded;
}
