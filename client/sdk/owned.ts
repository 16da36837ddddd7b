type Release = () => void;

/** What a live thing of the client holds (timers, listeners, sockets): let go together, last first, once. */
export class Owned {
  state: 'open' | 'closed' = 'open';
  readonly #abort = new AbortController();
  readonly #releases = new Set<Release>();

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Runs `release` at close, or at once when closed already. Returns a function that runs it now instead. */
  defer(release: Release): Release {
    if (this.state === 'closed') {
      release();
      return () => undefined;
    }
    this.#releases.add(release);
    return () => {
      if (this.#releases.delete(release)) release();
    };
  }

  /** Runs `run` once after `ms`, unless cancelled or closed before. */
  after(ms: number, run: () => void): Release {
    const timer = setTimeout(() => {
      this.#releases.delete(cancel);
      run();
    }, ms);
    const cancel = () => clearTimeout(timer);
    return this.defer(cancel);
  }

  /** Runs `run` each `ms`, until cancelled or closed. */
  every(ms: number, run: () => void): Release {
    const timer = setInterval(run, ms);
    return this.defer(() => clearInterval(timer));
  }

  listen(target: EventTarget, type: string, listener: (event: Event) => void): Release {
    target.addEventListener(type, listener);
    return this.defer(() => target.removeEventListener(type, listener));
  }

  /** Idempotent. */
  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.#abort.abort();
    for (const release of [...this.#releases].reverse()) release();
    this.#releases.clear();
  }
}
