import { sleep, type Clock } from '#base/clock.ts';
import type { AvFrame, Clause } from '#base/media.ts';

/** A tool that takes longer than this leaves a silence, and so does a voice of which nothing more was there to be taken for so long, ms: playout has 600 of it left. */
const SILENCE = 700;
const LOOK_EVERY = 50;
/** Nobody interrupts a sentence of their own to say that they think. */
const SENTENCE = /[.!?…。！？]["'”’»)\]」』]*\s*$/u;

interface MeanwhileOptions {
  readonly clock: Clock;
  /** What is said; undefined for nothing. */
  word(): string | undefined;
}

/** A word for the listener while the model waits for a tool in the middle of its answer, and all of it that there is has been taken. */
export class Meanwhile {
  readonly #options: MeanwhileOptions;
  #work = Promise.withResolvers<void>();
  /** Clock ms since when the model waits for the server. */
  #workingSince: number | undefined;
  /** The clause that was handed on last, and the one that playout has had the end of last, with clock ms since when it waits for more. */
  #given = 0;
  #heard: { readonly clause: number; readonly since: number } | undefined;

  constructor(options: MeanwhileOptions) {
    this.#options = options;
  }

  /** The model has asked for something. */
  readonly working = (): void => {
    this.#workingSince ??= this.#options.clock.now();
    this.#work.resolve();
  };

  /** The clauses, with such a word among them where it is wanted, numbered anew. */
  async *clauses(clauses: AsyncIterable<Clause>, signal: AbortSignal): AsyncGenerator<Clause, void, undefined> {
    const source = clauses[Symbol.asyncIterator]();
    const left = new AbortController();
    const stop = AbortSignal.any([signal, left.signal]);
    let words = 0;
    let last: Clause | undefined;
    try {
      for (;;) {
        const next = source.next();
        const quiet = this.#work.promise.then(() => this.#silence(stop));
        const isQuiet = await Promise.race([next.then(() => false), quiet]);
        const text = isQuiet && last && SENTENCE.test(last.text) ? this.#options.word() : undefined;
        if (last && text !== undefined) yield { index: (this.#given = last.index + ++words), text };
        const result = await next;
        this.#workingSince = undefined;
        this.#work = Promise.withResolvers();
        if (result.done) return;
        last = result.value;
        this.#given = last.index + words;
        yield { ...last, index: this.#given };
      }
    } finally {
      left.abort();
      // Not awaited: a source that is still waiting for its provider ends by the signal, not by this.
      void Promise.resolve(source.return?.()).catch(() => undefined);
    }
  }

  /** The frames as they are taken. */
  async *taken(frames: AsyncIterable<AvFrame>): AsyncGenerator<AvFrame, void, undefined> {
    for await (const frame of frames) {
      this.#heard = undefined;
      yield frame;
      if (frame.endOfClause) this.#heard = { clause: frame.clause.index, since: this.#options.clock.now() };
    }
  }

  /** True once there is one while the model waits; false when it waits no more. */
  async #silence(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    while (this.#workingSince !== undefined && !signal.aborted) {
      const hungrySince = this.#heard?.clause === this.#given ? this.#heard.since : Infinity;
      const since = Math.max(this.#workingSince, hungrySince);
      if (clock.now() - since >= SILENCE) return true;
      await sleep(clock, LOOK_EVERY, signal);
    }
    return false;
  }
}
