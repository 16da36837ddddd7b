type Release = (reason: string) => void | Promise<void>;

/**
 * The life of one owned thing: what it acquires is released here, last first, once.
 * Anything that can be closed holds one; `signal` aborts as soon as closing starts.
 */
export class Lifetime {
  state: 'open' | 'closing' | 'closed' = 'open';
  readonly #abort = new AbortController();
  readonly #releases: Release[] = [];
  #closing: Promise<void> | undefined;

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Runs `release` at close. Returns a function that runs it now instead. If already closing, it runs at once. */
  defer(release: Release): () => Promise<void> {
    if (this.state !== 'open') {
      void Promise.resolve(release('closed')).catch(() => undefined);
      return () => Promise.resolve();
    }
    this.#releases.push(release);
    return async () => {
      const at = this.#releases.indexOf(release);
      if (at < 0) return;
      this.#releases.splice(at, 1);
      await release('released');
    };
  }

  /** Idempotent; every caller waits for the same end. Rejects with the first error after all releases ran. */
  close(reason: string): Promise<void> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  async #close(reason: string): Promise<void> {
    this.state = 'closing';
    this.#abort.abort(new DOMException(reason, 'AbortError'));
    const errors: unknown[] = [];
    for (let release = this.#releases.pop(); release; release = this.#releases.pop()) {
      try {
        await release(reason);
      } catch (error) {
        errors.push(error);
      }
    }
    this.state = 'closed';
    if (errors.length > 0) throw errors[0];
  }
}

/** Resolves once `signal` aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
