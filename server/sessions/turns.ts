import { randomUUID } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import { asAvatarError, AvatarError } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import { Queue } from '#base/queue.ts';
import type { Turn } from '#protocol/http.ts';
import type { TurnEvent } from '#protocol/signalling.ts';
import type { Speech, SpeechReport } from '#server/media/types.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { Timeline } from '#server/telemetry/timeline.ts';
import { messages, type History } from './history.ts';
import type { StagePort, Talk } from './ports.ts';

/** Prompts that may wait while one is answered. */
export const MAX_QUEUED = 8;

export interface TurnsOptions {
  readonly sessionId: string;
  readonly stage: StagePort;
  readonly talk: Talk;
  readonly history: History;
  readonly system: string;
  readonly language: string;
  readonly voice: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface TurnSinks {
  begun(utteranceId: string): void;
  ended(turn: TurnEvent): void;
  /** Before `ended`. */
  failed(error: AvatarError): void;
  /** Nothing is left to say. */
  resting(): void;
}

interface Pending {
  readonly turn: Turn;
  readonly text: string;
  /** From the prompt on; a greeting, which nobody asked for, counts from its beginning. */
  timeline: Timeline;
  readonly abort: AbortController;
  /** The turn begins no sooner. */
  readonly hold: Promise<void>;
}

/** The turns of one session, answered one after the other in the order they were asked. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #sinks: TurnSinks;
  readonly #queue = new Queue<Pending>(MAX_QUEUED);
  readonly #running: Promise<void>;
  #current: Pending | undefined;

  constructor(options: TurnsOptions, sinks: TurnSinks) {
    this.#options = options;
    this.#sinks = sinks;
    this.#running = this.#run();
  }

  /** The utterance that is being answered. */
  get current(): string | undefined {
    return this.#current?.turn.utteranceId;
  }

  /** Queues a turn and returns its utterance's id. Throws AvatarError `too_many_prompts`, `session_closed`. */
  add(mode: Turn['mode'], text: string, hold = Promise.resolve()): string {
    if (this.#queue.ended) throw new AvatarError('session_closed', 'The session is ending and takes no more prompts.');
    if (this.#queue.size >= MAX_QUEUED) {
      throw new AvatarError('too_many_prompts', `At most ${MAX_QUEUED} prompts may wait; wait for an answer or interrupt.`);
    }
    const { clock } = this.#options;
    const asked = mode === 'greeting' ? {} : { prompt: text };
    const turn: Turn = {
      utteranceId: randomUUID(),
      mode,
      ...asked,
      spoken: '',
      state: 'queued',
      askedAt: Math.round(clock.wall()),
    };
    void this.#queue.push({ turn, text, timeline: new Timeline(clock), abort: new AbortController(), hold });
    this.#save(turn);
    return turn.utteranceId;
  }

  /** Cuts what is on air and forgets what waits; each of them ends as interrupted. */
  interrupt(): void {
    const waiting = this.#takeWaiting();
    this.#current?.abort.abort();
    this.#options.stage.cut();
    for (const pending of waiting) this.#end(pending, 'interrupted', '');
  }

  /** The utterance on air is heard. */
  onAir(utteranceId: string | undefined): void {
    const turn = this.#current?.turn;
    if (!turn || turn.utteranceId !== utteranceId || turn.startedAt !== undefined) return;
    turn.state = 'speaking';
    turn.startedAt = Math.round(this.#options.clock.wall());
    this.#save(turn);
  }

  /** Takes no more turns, lets the clause on air end, and resolves when all is silent. */
  async drain(): Promise<void> {
    for (const pending of this.#takeWaiting()) this.#end(pending, 'interrupted', '');
    this.#queue.end();
    if (this.#current?.turn.state === 'queued') this.#current.abort.abort();
    this.#options.stage.drain();
    await this.#running;
  }

  /** Cuts everything; resolves when all is silent. */
  async close(): Promise<void> {
    this.interrupt();
    this.#queue.end();
    await this.#running;
  }

  async #run(): Promise<void> {
    for await (const pending of this.#queue) {
      this.#current = pending;
      await this.#answer(pending);
      this.#current = undefined;
      if (this.#queue.size === 0) this.#sinks.resting();
    }
  }

  async #answer(pending: Pending): Promise<void> {
    const { turn, abort } = pending;
    try {
      await Promise.race([pending.hold, aborted(abort.signal)]);
      if (this.#isOver(pending)) return this.#end(pending, 'interrupted', '');
      if (turn.mode === 'greeting') pending.timeline = new Timeline(this.#options.clock);
      turn.state = 'thinking';
      this.#save(turn);
      this.#sinks.begun(turn.utteranceId);
      const speech = await this.#speech(pending);
      if (this.#isOver(pending)) return this.#end(pending, 'interrupted', '');
      this.#report(pending, await this.#options.stage.play(speech));
    } catch (error) {
      if (abort.signal.aborted) this.#end(pending, 'interrupted', '');
      else this.#fail(pending, error, '');
    } finally {
      // What is still being made for this turn has no listener any more.
      abort.abort();
    }
  }

  async #speech({ turn, text, timeline, abort }: Pending): Promise<Speech> {
    const { talk, history, sessionId, system, language, voice } = this.#options;
    const mark = timeline.mark.bind(timeline);
    const utterance = { id: turn.utteranceId, language, voice, signal: abort.signal, mark };
    if (turn.mode !== 'chat') return talk.say(text, utterance);
    const past = (await history.turns(sessionId)).filter(({ state }) => state !== 'queued' && state !== 'thinking');
    return talk.speak({ system, messages: messages(past, text), language }, utterance);
  }

  #isOver({ abort }: Pending): boolean {
    return abort.signal.aborted || this.#queue.ended;
  }

  #report(pending: Pending, report: SpeechReport): void {
    if (report.startedAt !== undefined) pending.timeline.mark('playout', report.startedAt);
    const spoken = spokenText(report.spoken);
    if (report.outcome !== 'failed') this.#end(pending, report.outcome, spoken);
    else if (pending.abort.signal.aborted) this.#end(pending, 'interrupted', spoken);
    else this.#fail(pending, report.error, spoken);
  }

  #fail(pending: Pending, thrown: unknown, spoken: string): void {
    const error = asAvatarError(thrown);
    this.#options.log.error({ err: thrown, utteranceId: pending.turn.utteranceId, code: error.code }, 'turn failed');
    this.#sinks.failed(error);
    this.#end(pending, 'failed', spoken);
  }

  #end({ turn, timeline }: Pending, outcome: TurnEvent['outcome'], spoken: string): void {
    const { clock, metrics } = this.#options;
    timeline.mark('end');
    Object.assign(turn, { state: outcome, spoken, endedAt: Math.round(clock.wall()) });
    this.#save(turn);
    const { stages } = timeline;
    for (const [stage, ms] of Object.entries(stages)) metrics.turnStageMs.observe({ stage }, ms);
    if (stages.playout !== undefined) metrics.turnToFirstFrameMs.observe(stages.playout);
    this.#sinks.ended({ utteranceId: turn.utteranceId, outcome, spoken, stages });
  }

  #takeWaiting(): Pending[] {
    const waiting: Pending[] = [];
    for (let pending = this.#queue.shift(); pending; pending = this.#queue.shift()) waiting.push(pending);
    return waiting;
  }

  #save(turn: Turn): void {
    const { history, sessionId, log } = this.#options;
    history.save(sessionId, turn).catch((error: unknown) => log.error({ err: error }, 'turn not saved'));
  }
}

/** The clauses that were heard; one that was cut ends in an ellipsis. */
export function spokenText(spoken: SpeechReport['spoken']): string {
  return spoken.map(({ clause, complete }) => (complete ? clause.text.trim() : `${clause.text.trim()}…`)).join(' ');
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
