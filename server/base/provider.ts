import { ExponentialBackoff, decorrelatedJitterGenerator, type IBackoff } from 'cockatiel';
import { Circuit } from './circuit.ts';
import { sleep, type Clock } from './clock.ts';
import { AvatarError } from './errors.ts';
import { OURS, PASSING, type Failure, type FailureKind } from './failure.ts';
import { timed, type Patience } from './timed.ts';

/** Times one thing is asked for, at most. */
const ATTEMPTS = 3;
/** How many of them may run into a limit of time: each is a silence already. */
const TIMEOUTS = 2;
/** Nobody listens to a silence longer than this, ms: a provider that wants a longer pause has failed. */
const LONGEST_PAUSE = 5_000;
const BACKOFF = new ExponentialBackoff({ generator: decorrelatedJitterGenerator, initialDelay: 250, maxDelay: 2_000 });

const NOUNS = { llm: 'model', tts: 'voice', stt: 'recogniser' } as const;

export interface ProviderOptions {
  readonly name: string;
  readonly part: 'llm' | 'tts' | 'stt';
  readonly patience: Patience;
  readonly clock: Clock;
  /** What an error of its SDK means; `begun` = some of the answer had come. */
  readonly failureOf: (thrown: unknown, begun: boolean) => Failure;
  /** What its user can do about a failure; undefined where there is nothing. */
  readonly advice: (kind: FailureKind) => string | undefined;
  /** Called for each attempt that failed. */
  readonly failed: (kind: FailureKind) => void;
  /** ms; how long it isn't asked once it failed too often. */
  readonly openFor?: number;
}

/**
 * How one provider is asked, by all sessions: within limits of time, again after a pause when that may help, and not at all for a while
 * once it has failed too often. A call that is aborted ends quietly and counts as neither.
 */
export class Provider {
  readonly #options: ProviderOptions;
  readonly #circuit: Circuit;
  #last: Failure | undefined;

  constructor(options: ProviderOptions) {
    this.#options = options;
    this.#circuit = new Circuit(options.openFor);
  }

  /**
   * What `ask` yields. It is called again after a failure that may pass, and has to go on where it stopped: nothing is yielded twice by itself.
   * Its signal aborts when its answer is no longer wanted. Throws AvatarError `provider_failed` with `details` `{provider, part, kind}`.
   */
  async *stream<T>(ask: (signal: AbortSignal) => AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    let backoff: IBackoff<unknown> = BACKOFF.next();
    let timeouts = 0;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const failure = yield* this.#attempt(ask, signal);
      if (!failure) return;
      const pause = failure.retryAfter ?? backoff.duration;
      backoff = backoff.next(undefined);
      if (failure.kind === 'timeout') timeouts += 1;
      const hopeless = !PASSING.has(failure.kind) || attempt === ATTEMPTS || timeouts === TIMEOUTS;
      if (hopeless || pause > LONGEST_PAUSE) throw this.#error(failure);
      await sleep(this.#options.clock, pause, signal);
    }
  }

  async *#attempt<T>(
    ask: (signal: AbortSignal) => AsyncIterable<T>,
    signal: AbortSignal,
  ): AsyncGenerator<T, Failure | undefined, undefined> {
    const { clock, patience, failureOf, failed } = this.#options;
    const verdict = this.#circuit.admit();
    if (!verdict) return this.#open();
    const stop = new AbortController();
    let begun = false;
    try {
      const stopped = AbortSignal.any([signal, stop.signal]);
      for await (const item of timed(ask(stopped), patience, clock, stopped)) {
        begun = true;
        verdict.answered();
        yield item;
      }
      if (!signal.aborted) verdict.succeeded();
      return undefined;
    } catch (thrown) {
      if (signal.aborted) return undefined;
      const failure = failureOf(thrown, begun);
      this.#last = failure;
      failed(failure.kind);
      if (OURS.has(failure.kind)) verdict.succeeded();
      else verdict.failed();
      return failure;
    } finally {
      if (begun) verdict.succeeded();
      verdict.abandoned();
      stop.abort();
    }
  }

  #open(): Failure {
    this.#options.failed('open');
    return { kind: 'open', because: `it failed too often and is left alone for a moment; last, ${this.#last?.because ?? ''}` };
  }

  #error({ kind, because }: Failure): AvatarError {
    const { name, part, advice } = this.#options;
    const hint = advice(kind === 'open' ? (this.#last?.kind ?? kind) : kind);
    const message = `The ${NOUNS[part]} of ${name} can not be had: ${because}.${hint ? ` ${hint}` : ''}`;
    return new AvatarError('provider_failed', message, { details: { provider: name, part, kind } });
  }
}
