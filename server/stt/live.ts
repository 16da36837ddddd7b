import { sleep, type Clock } from '#base/clock.ts';
import { Broken } from '#base/failure.ts';
import { TooLate } from '#base/timed.ts';
import type { Phrase } from './phrase.ts';
import { Spare, type Opened } from './spare.ts';
import type { Transcript } from './stt.ts';

/** How long what is only nicer to have is waited for once the text is there, ms. */
const GRACE = 400;

/** The way to a recogniser that hears one phrase while it is spoken. */
export interface Line<M> extends Opened {
  /** Resolves when it hears; rejects when it can't be had. */
  readonly ready: Promise<void>;
  /** What the recogniser says, in order, for one reader; throws once the line is lost or closed. */
  readonly messages: AsyncIterable<unknown>;
  send(message: M): void;
}

/** How one kind of recogniser is spoken to. */
export interface Dialect<M> {
  open(language: string): Line<M>;
  sender(): Sender<M>;
  reader(): Reader;
}

/** What to send for one phrase. */
export interface Sender<M> {
  say(samples: Int16Array): Iterable<M>;
  /** There is no more. */
  end(): Iterable<M>;
}

/** What a recogniser's messages of one phrase mean. */
export interface Reader {
  /** What will do as the final transcript when nothing better comes soon. */
  readonly enough?: Transcript | undefined;
  /**
   * What `message` makes of the phrase, undefined where it makes nothing of it. `length` is known once all of the phrase was sent, in samples.
   * Throws Broken for what says that the recogniser failed, and for what can't be understood.
   */
  hear(message: unknown, length: number | undefined): Transcript | undefined;
}

export interface LiveOptions<M> {
  readonly dialect: Dialect<M>;
  /** Until a line hears, and from a phrase's end until its text, ms. */
  readonly within: number;
  /** How long an unused line is kept, ms. */
  readonly keep: number;
  readonly clock: Clock;
}

/** Hears phrases while they are spoken, each over a line of its own; one line waits open for the next. */
export class Live<M> {
  readonly #options: LiveOptions<M>;
  readonly #spare: Spare<Line<M>>;
  readonly #inUse = new Set<Line<M>>();

  constructor(options: LiveOptions<M>) {
    const { dialect, keep, clock } = options;
    this.#options = options;
    this.#spare = new Spare({ open: (language) => dialect.open(language), keep, clock });
  }

  /** One try at `phrase`; `heard` is told how many samples were sent. */
  async *ask(
    phrase: Phrase,
    language: string,
    signal: AbortSignal,
    heard: (samples: number) => void,
  ): AsyncGenerator<Transcript, void, undefined> {
    const { dialect, within, clock } = this.#options;
    const line = this.#spare.take(language);
    const left = new AbortController();
    const gone = AbortSignal.any([signal, left.signal]);
    this.#inUse.add(line);
    const close = (): void => void line.close('left').finally(() => this.#inUse.delete(line));
    gone.addEventListener('abort', close, { once: true });
    if (gone.aborted) close();
    let [sent, understood] = [0, false];
    try {
      await Promise.race([line.ready, limit(clock, within, 'first', gone)]);
      const sender = dialect.sender();
      const say = async (): Promise<number> => {
        for await (const samples of phrase.follow()) {
          if (!line.isOpen) break;
          for (const message of sender.say(samples)) line.send(message);
          sent += samples.length;
        }
        for (const message of sender.end()) line.send(message);
        return sent;
      };
      for await (const transcript of this.#hear(line, say(), phrase, gone)) {
        understood = transcript.final;
        yield transcript;
      }
    } finally {
      // Nothing is opened ahead at a recogniser that fails.
      if (understood || signal.aborted) this.#spare.prepare(language);
      left.abort();
      if (sent > 0) heard(sent);
    }
  }

  async *#hear(
    line: Line<M>,
    saying: Promise<number>,
    phrase: Phrase,
    gone: AbortSignal,
  ): AsyncGenerator<Transcript, void, undefined> {
    const { dialect, within, clock } = this.#options;
    const reader = dialect.reader();
    const messages = line.messages[Symbol.asyncIterator]();
    let length: number | undefined;
    void saying.then((sent) => (length = sent));
    const late = phrase.over.then(() => limit(clock, within, 'whole', gone));
    late.catch(() => undefined);
    let grace: Promise<undefined> | undefined;
    for (;;) {
      if (reader.enough) grace ??= sleep(clock, GRACE, gone).then(() => undefined);
      const next = messages.next().catch((error: unknown) => {
        if (reader.enough) return undefined;
        throw error;
      });
      const message = await Promise.race([next, late, ...(grace ? [grace] : [])]);
      const transcript = message ? reader.hear(valueOf(message), length) : reader.enough;
      if (transcript) yield transcript;
      if (transcript?.final) return;
    }
  }

  prepare(language: string): void {
    this.#spare.prepare(language);
  }

  async close(reason: string): Promise<void> {
    await Promise.all([this.#spare.close(reason), ...[...this.#inUse].map((line) => line.close(reason))]);
  }
}

function valueOf({ done, value }: IteratorResult<unknown, unknown>): unknown {
  if (done) throw new Broken('cut', 'it said no more');
  return value;
}

/** Rejects after so many ms; never once nobody waits any more. */
async function limit(clock: Clock, ms: number, which: 'first' | 'whole', gone: AbortSignal): Promise<never> {
  await sleep(clock, ms, gone);
  if (gone.aborted) return new Promise<never>(() => undefined);
  throw new TooLate(which, ms);
}
