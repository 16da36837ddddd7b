import { Worker } from 'node:worker_threads';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { Watchdog } from '#base/watchdog.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { FRAME } from './silero.ts';
import type { Answer, Question } from './vad-thread.ts';

/** Tells speech from all else. */
export interface Vad {
  open(): VadStream;
  close(reason: string): Promise<void>;
}

/** One microphone. */
export interface VadStream {
  /** The next 512 samples at 16 kHz → how probably they are speech, 0–1. Throws AvatarError `internal` where that can't be told. */
  hear(frame: Int16Array): Promise<number>;
  /** Idempotent. */
  close(): void;
}

export interface VadOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

interface Asked {
  readonly stream: number;
  readonly samples: Int16Array;
  resolve(speech: number): void;
  reject(error: AvatarError): void;
}

/** How long the thread may take for all it was asked, ms: a frame takes it a third of one; at first it reads its model. */
const PATIENCE = { ready: 2_000, first: 15_000 } as const;
/** Between threads that died without an answer, ms; the first one follows at once. After so many, what was asked fails. */
const BACKOFF = { first: 250, most: 5_000 } as const;
const MAX_DEATHS = 3;

/** One thread for all microphones, started with the first. */
export const openVad = (options: VadOptions): Vad => new VoiceThread(options);

/** Owns the thread. One that dies or hangs is replaced, and what it owed is asked again; of what was heard before, the next one knows nothing. */
class VoiceThread implements Vad {
  readonly #options: VadOptions;
  readonly #life = new Lifetime();
  readonly #watchdog: Watchdog;
  readonly #asked = new Map<number, Asked>();
  readonly #streams = new Set<number>();
  #thread: Worker | undefined;
  #isReady = false;
  /** In a row, without an answer in between. */
  #deaths = 0;
  #next = 0;

  constructor(options: VadOptions) {
    this.#options = options;
    this.#watchdog = new Watchdog({
      clock: options.clock,
      suspicious: () => this.#asked.size > 0,
      patience: () => (this.#isReady ? PATIENCE.ready : PATIENCE.first),
      bite: () => this.#ended('hang', new Error('it has stopped to answer')),
    });
    this.#life.defer(() => this.#thread?.terminate().then(() => undefined));
    this.#life.defer(() => this.#watchdog.stop());
    this.#life.defer(() => this.#fail('is closed'));
  }

  open(): VadStream {
    const stream = this.#next++;
    this.#streams.add(stream);
    if (!this.#thread && this.#deaths === 0 && this.#life.state === 'open') this.#start();
    return {
      hear: (samples) => this.#hear(stream, samples),
      close: () => {
        if (this.#streams.delete(stream)) this.#thread?.postMessage({ over: stream } satisfies Question);
      },
    };
  }

  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #hear(stream: number, samples: Int16Array): Promise<number> {
    if (samples.length !== FRAME) return Promise.reject(failed(`takes ${FRAME} samples at a time, not ${samples.length}`));
    if (this.#life.state !== 'open' || !this.#streams.has(stream)) return Promise.reject(failed('is closed'));
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#asked.set(id, { stream, samples, resolve, reject });
      this.#watchdog.watch();
      this.#thread?.postMessage({ id, stream, samples } satisfies Question);
    });
  }

  #start(): void {
    const thread = new Worker(new URL('./vad-thread.ts', import.meta.url), { name: 'vad' });
    this.#thread = thread;
    this.#isReady = false;
    let cause: unknown;
    thread.on('message', (answer: Answer) => {
      if (this.#thread === thread) this.#answered(answer);
    });
    thread.on('error', (error: unknown) => (cause = error));
    thread.on('exit', (code) => {
      if (this.#thread === thread && this.#life.state === 'open') this.#ended('crash', cause ?? new Error(`exit ${code}`));
    });
    for (const [id, { stream, samples }] of this.#asked) thread.postMessage({ id, stream, samples } satisfies Question);
  }

  #answered({ ids, speech }: Answer): void {
    this.#isReady = true;
    this.#deaths = 0;
    this.#watchdog.calm();
    ids.forEach((id, at) => {
      this.#asked.get(id)?.resolve(speech[at] ?? 0);
      this.#asked.delete(id);
    });
  }

  #ended(kind: 'crash' | 'hang', cause: unknown): void {
    const { log, metrics, clock } = this.#options;
    const thread = this.#thread;
    this.#thread = undefined;
    void thread?.terminate();
    this.#deaths += 1;
    metrics.providerErrors.inc({ provider: 'vad', kind });
    const waitMs = this.#deaths === 1 ? 0 : Math.min(BACKOFF.first * 2 ** (this.#deaths - 2), BACKOFF.most);
    log.error({ err: cause, kind, microphones: this.#streams.size, waitMs }, 'voice detector died; another takes over');
    if (this.#deaths >= MAX_DEATHS) this.#fail('died again and again', cause);
    if (waitMs === 0) return this.#start();
    const forget = this.#life.defer(
      clock.at(clock.now() + waitMs, () => {
        void forget();
        if (!this.#thread && this.#life.state === 'open') this.#start();
      }),
    );
  }

  #fail(what: string, cause?: unknown): void {
    for (const { reject } of this.#asked.values()) reject(failed(what, cause));
    this.#asked.clear();
  }
}

const failed = (what: string, cause?: unknown): AvatarError =>
  new AvatarError('internal', `The voice detector ${what}.`, { cause });
