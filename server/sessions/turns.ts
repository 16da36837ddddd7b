import { randomUUID } from 'node:crypto';
import { asAvatarError, AvatarError } from '#base/errors.ts';
import { aborted } from '#base/lifetime.ts';
import type { Clause, Still } from '#base/media.ts';
import { Queue } from '#base/queue.ts';
import { newTraceId } from '#base/trace.ts';
import type { Turn } from '#protocol/http.ts';
import type { TurnEvent } from '#protocol/signalling.ts';
import type { SpeechReport } from '#server/media/types.ts';
import { Timeline, type Heard } from '#server/telemetry/timeline.ts';
import type { Asked, Asking, TurnsOptions, TurnSinks } from './asking.ts';
import { KEPT_TURNS } from './history.ts';
import { end, pend, turnOf, type Pending } from './pending.ts';
import { Replies } from './replies.ts';
import { isSaid, playFirst, spokenText } from './spoken.ts';

/** Prompts that may wait while one is answered. */
export const MAX_QUEUED = 8;
const RESTARTED = 'The server was restarted.';
const UNSEEN = {
  missed: new AvatarError('not_ready', 'The image did not come in time; the answer is given without it.'),
  refused: new AvatarError('provider_failed', 'The model did not take the image; the answer is given without it.'),
};

/** The turns of one session, answered one after the other in the order they were asked. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #sinks: TurnSinks;
  readonly #queue = new Queue<Pending>(MAX_QUEUED);
  readonly #turns = new Map<string, Turn>();
  readonly #running: Promise<void>;
  readonly #replies: Replies;
  #current: Pending | undefined;
  #previous: Pending | undefined;
  #suspended = false;
  /** The present turn's reply is not on the stage yet. */
  #isBeginning = false;

  constructor(options: TurnsOptions, sinks: TurnSinks) {
    this.#options = options;
    this.#sinks = sinks;
    this.#replies = new Replies(options, () => this.all);
    for (const turn of options.past) this.#adopt({ ...turn });
    this.#running = this.#run();
  }

  /** The utterance that is being answered. */
  get current(): string | undefined {
    return this.#current?.turn.utteranceId;
  }

  /** The newest 500, oldest first, as they are now. */
  get all(): Turn[] {
    return [...this.#turns.values()].map((turn) => ({ ...turn }));
  }

  /** Queues a turn, once per utterance id. Throws AvatarError `too_many_prompts`, `not_ready` when the server is stopping. */
  add(mode: Turn['mode'], text: string, asking: Asking = {}): Asked {
    const { utteranceId = randomUUID(), traceId = newTraceId(), heard, still } = asking;
    const known = this.#turns.get(utteranceId);
    if (known) return { utteranceId, traceId: (known.traceId ??= traceId), stored: this.#save(known) };
    return this.#take(pend(turnOf(mode, text, { utteranceId, traceId }), text, this.#options, still?.()), heard);
  }

  /** Begins a reply to what may not be the whole turn. Nothing of it is on air or in the transcript before it is confirmed. */
  draft(text: string, still?: Promise<Still | undefined>): Pending {
    return this.#replies.draft(text, still);
  }

  /** It is the turn, in these words. Throws what `add` throws; the draft is then still one. */
  confirm(pending: Pending, text: string, heard: Heard): Asked {
    if (!isSaid(text, pending.text)) {
      const asked = this.add('chat', text, { heard, still: () => pending.still });
      this.discard(pending);
      return asked;
    }
    pending.turn.prompt = text;
    return this.#take(pending, heard);
  }

  /** It is not the turn. */
  discard(pending: Pending): void {
    pending.abort.abort();
    pending.draft?.drop();
  }

  #take(pending: Pending, heard: Heard | undefined): Asked {
    if (this.#queue.ended) {
      throw new AvatarError('not_ready', 'The server is stopping and takes no more prompts; send it again in a moment.');
    }
    if (this.#queue.size >= MAX_QUEUED) {
      throw new AvatarError('too_many_prompts', `At most ${MAX_QUEUED} prompts may wait; wait for an answer or interrupt.`);
    }
    const { turn, timeline } = pending;
    turn.askedAt = Math.round(this.#options.clock.wall());
    pending.spokenTo = heard;
    if (heard) timeline.hear(heard);
    this.#keep(turn);
    void this.#queue.push(pending);
    return { utteranceId: turn.utteranceId, traceId: timeline.traceId, stored: this.#save(turn) };
  }

  /** Cuts what is on air and forgets what waits; each of them ends as interrupted. @param since when the host began to speak, clock ms */
  interrupt(since?: number): void {
    const waiting = this.#takeWaiting();
    this.#current?.abort.abort();
    this.#options.stage.cut(since);
    for (const pending of waiting) this.#end(pending, 'interrupted', '');
  }

  /** The utterance on air is heard. */
  onAir(utteranceId: string | undefined): void {
    const turn = this.#current?.turn;
    if (!turn || turn.utteranceId !== utteranceId || turn.startedAt !== undefined) return;
    turn.state = 'speaking';
    turn.startedAt = Math.round(this.#options.clock.wall());
    void this.#save(turn);
  }

  /** The first packet of its voice is on its way. */
  sent(): void {
    if (this.#current?.isBridged === false) this.#current.timeline.mark('firstPacket');
  }

  /** A viewer has its first picture on the screen since `agoMs`. */
  painted(viewer: string, utteranceId: string, agoMs: number): void {
    const pending = [this.#current, this.#previous].find((one) => one?.turn.utteranceId === utteranceId);
    pending?.timeline.paint(viewer, agoMs);
    pending?.tell?.();
  }

  /** A clause of it begins to be heard, or has been. Kept at once, so that history is right however the server ends. */
  heard(utteranceId: string, clause: Clause, complete: boolean): void {
    if (!this.#current || this.#current.turn.utteranceId !== utteranceId) return;
    const { turn, heard, timeline } = this.#current;
    timeline.mark('playout');
    const last = heard.at(-1);
    if (last?.clause.index === clause.index) last.complete = complete;
    else heard.push({ clause, complete });
    turn.spoken = spokenText(heard);
    void this.#save(turn);
  }

  /**
   * Takes no more turns, lets the clause on air end, and resolves when all is silent.
   * What has not been heard at all stays queued, for the server that comes next.
   */
  async suspend(): Promise<void> {
    this.#suspended = true;
    this.#takeWaiting();
    this.#queue.end();
    if (this.#current?.turn.state === 'queued' || this.#isBeginning) this.#current?.abort.abort();
    this.#options.stage.drain();
    await this.#running;
  }

  /** Cuts everything; resolves when all is silent. */
  async close(): Promise<void> {
    this.interrupt();
    this.#queue.end();
    await this.#running;
    this.#previous?.tell?.();
  }

  async #run(): Promise<void> {
    for await (const pending of this.#queue) {
      this.#current = pending;
      await this.#answer(pending);
      this.#previous?.tell?.();
      this.#previous = pending;
      this.#current = undefined;
      if (this.#queue.size === 0) this.#sinks.resting();
    }
  }

  async #answer(pending: Pending): Promise<void> {
    const { turn, abort } = pending;
    try {
      if (turn.mode === 'greeting') await Promise.race([this.#options.hold, aborted(abort.signal)]);
      if (this.#isOver(pending)) return this.#end(pending, 'interrupted', '');
      if (turn.mode === 'greeting') pending.timeline = new Timeline(this.#options.clock, turn.traceId);
      turn.state = 'thinking';
      void this.#save(turn);
      this.#sinks.begun(turn.utteranceId);
      this.#isBeginning = true;
      const speech = await this.#replies.begin(pending).finally(() => (this.#isBeginning = false));
      this.#tellUnseen(pending);
      if (this.#isOver(pending)) return this.#end(pending, 'interrupted', '');
      await this.#report(pending, await this.#options.stage.play(speech));
    } catch (error) {
      if (abort.signal.aborted) this.#end(pending, 'interrupted', '');
      else await this.#fail(pending, error, []);
    } finally {
      // What is still being made for this turn has no listener any more.
      abort.abort();
      Object.assign(pending, { still: undefined, draft: undefined });
    }
  }

  /** By now it is known whether the model has taken the image. */
  #tellUnseen({ turn, unseen }: Pending): void {
    if (!unseen) return;
    turn.image = unseen;
    this.#sinks.broken(UNSEEN[unseen]);
  }

  #isOver({ abort }: Pending): boolean {
    return abort.signal.aborted || this.#queue.ended;
  }

  async #report(pending: Pending, report: SpeechReport): Promise<void> {
    if (report.startedAt !== undefined) this.#options.metrics.turnToFirstFrameMs.observe(pending.timeline.msAt(report.startedAt));
    if (report.outcome !== 'failed') this.#end(pending, report.outcome, spokenText(report.spoken));
    else if (pending.abort.signal.aborted) this.#end(pending, 'interrupted', spokenText(report.spoken));
    else await this.#fail(pending, report.error, report.spoken);
  }

  async #fail(pending: Pending, thrown: unknown, spoken: SpeechReport['spoken']): Promise<void> {
    const error = asAvatarError(thrown);
    pending.log.error({ err: thrown, code: error.code }, 'turn failed');
    this.#sinks.broken(error);
    const sorry = await this.#apologise(pending, error);
    this.#sinks.failed(error);
    pending.turn.reason = error.message;
    this.#end(pending, 'failed', spokenText([...spoken, ...sorry]));
  }

  /** Says once what is wrong, unless it is interrupted before; gives what was heard of it. */
  async #apologise(pending: Pending, error: AvatarError): Promise<SpeechReport['spoken']> {
    const { talk, stage } = this.#options;
    const from = (pending.heard.at(-1)?.clause.index ?? -1) + 1;
    const apologies = talk.apologies(error, this.#replies.utterance(pending), from);
    return playFirst(apologies, { stage, log: pending.log, isOver: () => this.#isOver(pending) });
  }

  #end(pending: Pending, outcome: TurnEvent['outcome'], spoken: string): void {
    const { clock, metrics, isWatched } = this.#options;
    const { turn, timeline } = pending;
    if (this.#suspended && outcome === 'interrupted' && spoken === '') return this.#putBack(turn);
    timeline.mark('end');
    const reason = this.#suspended && outcome === 'interrupted' ? { reason: RESTARTED } : {};
    Object.assign(turn, { state: outcome, spoken, endedAt: Math.round(clock.wall()) }, reason);
    void this.#save(turn);
    end(pending, outcome, spoken, { clock, metrics, isWatched, ended: (ended) => this.#sinks.ended(ended) });
  }

  #takeWaiting(): Pending[] {
    const waiting: Pending[] = [];
    for (let pending = this.#queue.shift(); pending; pending = this.#queue.shift()) {
      pending.draft?.drop();
      waiting.push(pending);
    }
    return waiting;
  }

  /** A turn from before the server was restarted. One that had begun is not begun again: it may be what ended the server. */
  #adopt(turn: Turn): void {
    this.#keep(turn);
    // Its image was kept nowhere.
    if (turn.state === 'queued' && turn.image) turn.image = 'missed';
    if (turn.state === 'queued') return this.#enqueue(turn, turn.prompt ?? this.#options.greeting ?? '');
    if (turn.state !== 'thinking' && turn.state !== 'speaking') return;
    Object.assign(turn, { state: 'interrupted', reason: RESTARTED });
    void this.#save(turn);
  }

  #putBack(turn: Turn): void {
    turn.state = 'queued';
    delete turn.startedAt;
    void this.#save(turn);
  }

  #enqueue(turn: Turn, text: string): void {
    void this.#queue.push(pend(turn, text, this.#options));
  }

  #keep(turn: Turn): void {
    this.#turns.set(turn.utteranceId, turn);
    const oldest = this.#turns.keys().next().value;
    if (this.#turns.size > KEPT_TURNS && oldest !== undefined) this.#turns.delete(oldest);
  }

  #save(turn: Turn): Promise<boolean> {
    return this.#options.journal.save(this.#options.sessionId, turn);
  }
}
