import type { Clock } from '#base/clock.ts';
import type { Expression } from '#base/expression.ts';
import type { AvatarError } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { StateEvent } from '#protocol/signalling.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { mayGo } from './states.ts';

/** How long a failure stays visible as the session's state, ms. */
const DEGRADED_FOR = 5_000;
/** Why it listens, in words. */
const HEARS = 'The host is speaking.';
const DUCKED = 'The avatar has fallen silent to listen.';

export interface ConditionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Somebody is there. */
  isPresent(): boolean;
  /** A turn is being answered. */
  isAnswering(): boolean;
  tell(state: StateEvent): void;
}

/** What a silent face shows in that state: it listens to somebody who speaks, and thinks until its answer is heard. */
export function expressionOf({ state, reason }: StateEvent): Expression {
  if (state === 'thinking' || state === 'buffering') return 'thinking';
  return state === 'listening' && reason === HEARS ? 'listening' : 'rest';
}

/** The one state of a session, and what follows what. */
export class Condition {
  #state: StateEvent = { state: 'idle' };
  readonly #options: ConditionOptions;
  /** Ends the time in which a failed turn is shown. */
  #cancelFailure: (() => void) | undefined;
  /** The host speaks. */
  #hears = false;
  #over = false;

  constructor(options: ConditionOptions) {
    this.#options = options;
    options.metrics.sessions.inc({ state: 'idle' });
  }

  get now(): StateEvent {
    return this.#state;
  }

  /** The one place where the state changes. Saying the same state again with news is no transition. */
  go(next: StateEvent): void {
    const { metrics, log, tell } = this.#options;
    const from = this.#state.state;
    if (from !== next.state) {
      if (!mayGo(from, next.state)) return log.error({ from, to: next.state }, 'state change refused');
      metrics.sessions.dec({ state: from });
      if (next.state !== 'closed') metrics.sessions.inc({ state: next.state });
      if (from === 'degraded') this.#forgetFailure();
    }
    this.#state = next;
    tell(next);
  }

  /** The host speaks, or has stopped to. */
  hears(on: boolean): void {
    this.#hears = on;
    this.rest();
  }

  /** What is being said is held back for the host. */
  ducked(utteranceId: string): void {
    this.go({ state: 'listening', utteranceId, reason: DUCKED });
  }

  /** Follows who is there, while no utterance is on air, not even a ducked one. */
  rest(): void {
    const { state, utteranceId } = this.#state;
    if ((state === 'idle' || state === 'listening') && utteranceId === undefined) this.settle();
  }

  /** Nothing is left to say. */
  settle(): void {
    if (this.#cancelFailure || this.#over) return;
    const state = this.#hears || this.#options.isPresent() ? 'listening' : 'idle';
    const reason = this.#hears ? HEARS : undefined;
    const { state: before, reason: told, utteranceId } = this.#state;
    if (before !== state || told !== reason || utteranceId !== undefined) this.go({ state, ...(reason ? { reason } : {}) });
  }

  /** A turn has failed, which is shown for a while. */
  degrade(error: AvatarError): void {
    this.go({ state: 'degraded', reason: error.message });
    const { clock } = this.#options;
    this.#cancelFailure?.();
    this.#cancelFailure = clock.at(clock.now() + DEGRADED_FOR, () => {
      this.#cancelFailure = undefined;
      if (!this.#options.isAnswering()) this.settle();
    });
  }

  /** It is over, which is told with the reason; or it is only left, which nobody is told. */
  end(reason?: string): void {
    this.#forgetFailure();
    this.#over = true;
    if (reason === undefined) this.#options.metrics.sessions.dec({ state: this.#state.state });
    else this.go({ state: 'closed', reason });
  }

  #forgetFailure(): void {
    this.#cancelFailure?.();
    this.#cancelFailure = undefined;
  }
}
