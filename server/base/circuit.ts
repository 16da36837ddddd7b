import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';

/** Failures in a row after which nobody is asked for a while. */
const THRESHOLD = 5;
/** How long then nobody is asked, ms. */
export const OPEN_FOR = 10_000;

/** What became of an admitted call; only the first word counts. */
export interface Verdict {
  /** The first of the answer came. A circuit that was being tried is closed by it. */
  answered(): void;
  succeeded(): void;
  failed(): void;
  /** The caller left: neither. */
  abandoned(): void;
}

class Failed extends Error {}

/** Keeps callers from a provider that is down: open after some failures in a row, then tried by one call at a time. */
export class Circuit {
  readonly #breaker = new ConsecutiveBreaker(THRESHOLD);
  readonly #policy;

  constructor(openFor = OPEN_FOR) {
    const counted = handleWhen((error) => error instanceof Failed);
    this.#policy = circuitBreaker(counted, { halfOpenAfter: openFor, breaker: this.#breaker });
  }

  #isTried(): boolean {
    return this.#policy.state === CircuitState.HalfOpen;
  }

  /** Lets a call through, or says undefined: nobody is asked now. */
  admit(): Verdict | undefined {
    // cockatiel would have further calls wait for the one that tries; they shall fail fast.
    if (this.#isTried()) return undefined;
    const outcome = Promise.withResolvers<void>();
    const call = { admitted: false };
    const running = this.#policy.execute(() => {
      call.admitted = true;
      return outcome.promise;
    });
    const trying = this.#isTried();
    running.catch((error: unknown) => {
      // cockatiel closes the circuit for a call that was abandoned while trying; so the next failure has to open it again.
      if (trying && !(error instanceof Failed)) this.#breaker.state = THRESHOLD - 1;
    });
    if (!call.admitted) return undefined;
    return {
      answered: () => {
        if (trying) outcome.resolve();
      },
      succeeded: () => outcome.resolve(),
      failed: () => outcome.reject(new Failed()),
      abandoned: () => outcome.reject(new Error('abandoned')),
    };
  }
}
