import { EventEmitter } from 'node:events';
import { sleep } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import type { Expression } from '#base/expression.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { PromptAccepted, PromptBody, SessionInfo, Turn } from '#protocol/http.ts';
import type { EventName, EventOf, PaintedReport, StateEvent, TurnEvent } from '#protocol/signalling.ts';
import type { StageEvents } from '#server/media/types.ts';
import type { Heard } from '#server/telemetry/timeline.ts';
import type { Asked } from './asking.ts';
import { Captions, type HostCaption } from './captions.ts';
import { Condition, expressionOf } from './condition.ts';
import { draftOf, type Draft } from './draft.ts';
import { DEFAULT_SYSTEM } from './history.ts';
import { infoOf } from './info.ts';
import type { SessionOptions, SessionParts } from './ports.ts';
import { rejoinOf } from './rejoin.ts';
import { isBusy } from './states.ts';
import type { SessionEvent, SessionEvents } from './session-events.ts';
import { Sight } from './sight.ts';
import { Turns } from './turns.ts';

/** A greeting waits so long for somebody to hear it, ms. */
const GREETING_HOLD = 5_000;
/** A clause on air may take so long to end when the server stops, ms. */
const DRAIN_DEADLINE = 6_000;

/** One conversation with one avatar: its state, turns and parts. */
export class Session extends EventEmitter<SessionEvents> {
  readonly id: string;
  readonly createdAt: number;
  readonly parts: SessionParts;
  readonly stored: boolean;
  /** What the host shows to the avatar. */
  readonly sight: Sight;
  readonly #options: SessionOptions;
  readonly #life = new Lifetime();
  readonly #turns: Turns;
  readonly #captions: Captions;
  readonly #heard = new AbortController();
  readonly #condition: Condition;
  #timings: TurnEvent['stages'] = {};
  #listeners = 0;
  #expression: Expression = 'rest';
  #activeAt: number;
  #suspended = false;
  #draft: Draft | undefined;

  private constructor(options: SessionOptions) {
    super();
    this.setMaxListeners(0);
    const { clock, parts, past = [] } = options;
    const { id, request, createdAt } = options.kept;
    this.id = id;
    this.parts = parts;
    this.stored = options.stored;
    this.sight = new Sight(parts.talk.sees, clock);
    this.createdAt = createdAt;
    this.#options = options;
    this.#activeAt = clock.now();
    this.#condition = new Condition({
      ...options,
      isPresent: () => this.#present,
      isAnswering: () => this.#turns.current !== undefined,
      tell: (state) => {
        this.#expression = expressionOf(state, this.#expression);
        parts.stage.attend(this.#expression);
        this.#emit('state', state);
      },
    });
    this.#captions = new Captions({ ...parts, clock, tell: (caption) => this.#emit('caption', caption) });
    this.#turns = new Turns(
      {
        ...options,
        sessionId: id,
        past,
        stage: parts.stage,
        talk: parts.talk,
        greeting: request.greeting,
        hold: request.hls === 'always' ? Promise.resolve() : sleep(clock, GREETING_HOLD, this.#heard.signal),
        system: request.systemPrompt ?? DEFAULT_SYSTEM,
        language: request.language ?? 'en',
        voice: request.voice,
        isWatched: () => parts.viewers.counts.webrtc > 0,
      },
      {
        begun: (utteranceId) => this.#condition.go({ state: 'thinking', utteranceId }),
        ended: (turn) => this.#turnEnded(turn),
        broken: (error) => this.warn(error),
        failed: (error) => this.#condition.degrade(error),
        resting: () => this.#rest(),
      },
    );
  }

  /** Takes the parts over: they are closed with the session. */
  static open(options: SessionOptions): Session {
    const session = new Session(options);
    const { kept, past, journal, parts } = options;
    session.#life.defer(async (reason) => {
      if (!session.#suspended) await journal.end(session.id, reason);
    });
    session.#life.defer((reason) => parts.close(reason));
    session.#life.defer((reason) => session.#leave(reason));
    session.#life.defer(() => session.#captions.close());
    session.#life.defer(() => session.#turns.close());
    session.#life.defer(() => session.sight.close());
    session.#life.defer(() => session.#draft?.discard());
    parts.stage.on('air', (air) => session.#onAir(air));
    parts.stage.on('voice', () => session.#turns.sent());
    parts.stage.on('clause', ({ utteranceId, clause }) => session.#turns.heard(utteranceId, clause, false));
    parts.stage.on('clause', (clause) => session.#captions.clause(clause));
    parts.stage.on('brokenOff', () => session.#captions.cut());
    parts.stage.on('clauseOver', ({ utteranceId, clause }) => session.#turns.heard(utteranceId, clause, true));
    parts.viewers.on('lost', ({ viewers }) => session.#emit('rejoin', rejoinOf(viewers)));
    parts.hls.on('segment', (segment) => session.#emit('segment_published', segment));
    parts.hls.on('trouble', (error) => session.warn(error));
    parts.ear.serve(session);
    if (past === undefined && kept.request.greeting !== undefined) session.#turns.add('greeting', kept.request.greeting);
    return session;
  }

  get state(): StateEvent {
    return this.#condition.now;
  }

  /**
   * Queues a prompt; resolves once it can't be lost any more, or says that it can. One that was heard brings what the host shows then.
   * Throws AvatarError `too_many_prompts`, `session_closed`, `not_ready`; where it names an image, `not_found` and `conflict`.
   */
  async prompt({ text, mode, utteranceId, image }: PromptBody, traceId?: string, heard?: Heard): Promise<PromptAccepted> {
    const still = () => (image === undefined ? heard && this.sight.look() : Promise.resolve(this.sight.shown(image)));
    return this.#asked(() => {
      const asked = this.#turns.add(mode, text, { utteranceId, traceId, heard, still });
      if (image !== undefined) this.sight.used(image);
      return asked;
    });
  }

  /**
   * Begins a reply to what the host may not have said to its end. Nothing of it is heard, shown or remembered unless it is confirmed; then it is as
   * if it had been prompted, only sooner. One at a time: a new one discards the one before.
   */
  draft(text: string): Draft {
    this.#draft?.discard();
    const still = this.#life.state === 'open' ? this.sight.look() : undefined;
    this.#draft = draftOf(text, { turns: this.#turns, still, accept: (ask) => this.#asked(ask) });
    if (this.#suspended || this.#life.state !== 'open') this.#draft.discard();
    return this.#draft;
  }

  /** A viewer tells that it sees the first picture of an utterance. */
  painted(viewer: string, { utteranceId, agoMs }: PaintedReport): void {
    this.#turns.painted(viewer, utteranceId, agoMs);
  }

  /** Silence now; what was waiting is forgotten. @param since when the host began to speak, clock ms; now when left out */
  interrupt(since?: number): void {
    this.#activeAt = this.#options.clock.now();
    this.#captions.cut();
    this.#turns.interrupt(since);
  }

  /** Silence now, undecided: what is being said is held for a few seconds, until `unduck` or `interrupt`. @param since as for `interrupt` */
  duck(since?: number): void {
    this.#activeAt = this.#options.clock.now();
    this.#captions.cut();
    this.parts.stage.duck(since);
  }

  /** What was being said goes on at the same word. */
  unduck(): void {
    this.parts.stage.unduck();
  }

  /** The avatar shows that it follows. */
  nod(): void {
    this.parts.stage.nod();
  }

  /** The host speaks, or has stopped to. */
  listening(on: boolean): void {
    this.#activeAt = this.#options.clock.now();
    this.#condition.hears(on);
  }

  /** What the host says can't be understood for now; typing still helps. */
  deaf(error: AvatarError): void {
    this.warn(error);
    this.#condition.degrade(error);
  }

  /** What the host says, as it is understood so far; told again as that changes, under the same id. */
  readonly hostCaption = (caption: HostCaption): void => this.#captions.host(caption);

  /** Somebody who listens has come; call the answer when they go. */
  enter(): () => void {
    let inside = true;
    this.#listeners += 1;
    this.tick();
    return () => {
      if (inside) this.#listeners -= 1;
      inside = false;
      this.tick();
    };
  }

  /** Somebody receives media: a greeting need not wait any longer. */
  audience(): void {
    this.#heard.abort();
  }

  transcript(): readonly Turn[] {
    return this.#turns.all;
  }

  /** Tells all who listen that something is wrong which doesn't end the conversation. */
  warn({ code, message }: AvatarError): void {
    this.#emit('error', { code, message });
  }

  info(): SessionInfo {
    return infoOf(this, this.#timings);
  }

  /** To be called about each second: follows who is there. True once nothing has happened for too long. */
  tick(): boolean {
    if (this.#life.state !== 'open') return false;
    const { clock, idleTimeout } = this.#options;
    if (this.parts.viewers.counts.whep + this.parts.hls.viewers > 0) this.audience();
    this.#condition.rest();
    if (this.#present || isBusy(this.state.state) || this.#turns.current !== undefined) this.#activeAt = clock.now();
    return clock.now() - this.#activeAt >= idleTimeout;
  }

  /**
   * For a server that stops and comes again: lets the clause on air end, closes the HLS playlist and all parts. Takes no more prompts.
   * The session is not over; who listens is told nothing, loses the connection, and finds the session again. Idempotent.
   */
  async suspend(reason: string): Promise<void> {
    this.#draft?.discard();
    const late = sleep(this.#options.clock, DRAIN_DEADLINE, this.#life.signal);
    await Promise.race([this.#turns.suspend().then(() => this.parts.hls.finish()), late]);
    this.#suspended = this.#life.state === 'open';
    await this.#life.close(reason);
  }

  /** Idempotent: silence, state `closed` to all who listen, then all parts end. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  async #asked(ask: () => Asked): Promise<PromptAccepted> {
    if (this.#suspended) throw new AvatarError('not_ready', 'The server is stopping; send it again in a moment.');
    if (this.#life.state !== 'open') throw new AvatarError('session_closed', 'The session is over.');
    this.#activeAt = this.#options.clock.now();
    const { stored, ...asked } = ask();
    this.sight.taken();
    return (await stored) ? asked : { ...asked, stored: false };
  }

  get #present(): boolean {
    const { webrtc, whep } = this.parts.viewers.counts;
    return this.#listeners + webrtc + whep + this.parts.hls.viewers > 0;
  }

  #onAir({ state, etaMs, reason, utteranceId }: StageEvents['air'][0]): void {
    if (state === 'idle' || utteranceId === undefined || utteranceId !== this.#turns.current) return;
    if (state === 'ducked') return this.#condition.ducked(utteranceId);
    const less = state === 'speaking' ? this.parts.avatar.lesser : undefined;
    if (state === 'speaking') this.#turns.onAir(utteranceId);
    const eta = etaMs && Math.round(etaMs);
    this.#condition.go({ state: less === undefined ? state : 'degraded', utteranceId, etaMs: eta, reason: less ?? reason });
  }

  #rest(): void {
    if (this.#life.state !== 'open') return;
    this.parts.ear.rested();
    this.#condition.settle();
  }

  #turnEnded(turn: TurnEvent): void {
    this.#activeAt = this.#options.clock.now();
    if (Object.keys(turn.stages).length > 2) this.#timings = turn.stages;
    this.#emit('turn', turn);
  }

  #leave(reason: string): void {
    this.#heard.abort();
    this.#condition.end(this.#suspended ? undefined : reason);
    if (this.#suspended) this.emit('suspend');
    else this.emit('close', reason);
  }

  #emit<Name extends EventName>(name: Name, payload: EventOf<Name>): void {
    this.emit('event', { name, payload } as SessionEvent);
  }
}
