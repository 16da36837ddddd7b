import { Worker } from 'node:worker_threads';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { Watchdog } from '#base/watchdog.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { Order } from './face.ts';
import type { Answer, Question, Start } from './thread.ts';

export interface StudioOptions {
  readonly start: Start;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

interface Asked {
  readonly question: Question;
  /** Nobody wants the pictures any more once it aborts. */
  readonly signal: AbortSignal | undefined;
  /** Threads that died of it. */
  deaths: number;
  /** It failed once: the last words of a thread that is being ended may be a failure, too. */
  failed: boolean;
  resolve(pictures: Uint8Array<ArrayBuffer>[]): void;
  reject(error: AvatarError): void;
}

/** A question that ended so many threads fails; so does everything when so many in a row could not start. */
const MAX_DEATHS = 2;
/** What a question may take: so many times what is usual, this long at least, and this long when the face must be taken apart first; ms. */
const PATIENCE = { times: 10, least: 1_000, first: 10_000 } as const;
/** Between threads that die without an answer, ms; the first two follow at once. */
const BACKOFF = { first: 250, most: 5_000 } as const;
/** Of its JavaScript, MiB. A thread that needs more has a leak, and is ended before the server is. */
const HEAP = 256;

/**
 * Owns the drawing thread. Questions are answered in turn, so that sessions interleave window by window. A thread that dies, or hangs for much
 * longer than it usually takes, is replaced at once, and what it owed is asked again; a question that ends two threads fails alone.
 */
export class Studio {
  readonly #options: StudioOptions;
  readonly #life = new Lifetime();
  readonly #watchdog: Watchdog;
  /** By id, the one that is being drawn first. */
  readonly #open = new Map<number, Asked>();
  #thread: Worker | undefined;
  #ready = false;
  /** Between a death and the next start. */
  #resting = false;
  #next = 0;
  /** Threads in a row that died without an answer, and without even a start. */
  #deaths = { silent: 0, unborn: 0 };
  /** Whose faces this thread has taken apart. */
  readonly #faces = new Set<string>();
  /** Usual ms per picture, and since when the present question is being drawn. */
  #usual = 0;
  #since = 0;

  constructor(options: StudioOptions) {
    this.#options = options;
    this.#watchdog = new Watchdog({
      clock: options.clock,
      suspicious: () => this.#open.size > 0,
      patience: () => this.#patience(),
      bite: () => this.#ended('hang', new Error('it has stopped to answer')),
    });
    this.#life.defer(() => this.#thread?.terminate().then(() => undefined));
    this.#life.defer(() => {
      this.#watchdog.stop();
      for (const { reject } of this.#open.values()) reject(failed('is closed'));
    });
  }

  /** Draws the orders, as I420, in order; none any more once `signal` aborts, also of those the thread has already. */
  draw(avatar: string, orders: readonly Order[], signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>[]> {
    if (this.#life.state !== 'open') return Promise.reject(failed('is closed'));
    const question: Question = { id: this.#next++, avatar, orders, wanted: signal && wantedUntil(signal) };
    if (this.#open.size === 0) this.#begin();
    return new Promise((resolve, reject) => {
      this.#open.set(question.id, { question, signal, deaths: 0, failed: false, resolve, reject });
      if (this.#thread) this.#thread.postMessage(question);
      else if (!this.#resting) this.#renew();
    });
  }

  /** Ends the thread; idempotent. */
  close(): Promise<void> {
    return this.#life.close('closed');
  }

  /** The next question's turn begins. */
  #begin(): void {
    this.#since = this.#options.clock.now();
    this.#watchdog.calm();
    this.#watchdog.watch();
  }

  #patience(): number {
    const [head] = this.#open.values();
    if (!head || !this.#faces.has(head.question.avatar)) return PATIENCE.first;
    return Math.max(PATIENCE.least, PATIENCE.times * this.#usual * head.question.orders.length);
  }

  /** Starts a thread, and asks it what is still open. */
  #renew(): void {
    const { start } = this.#options;
    const thread = new Worker(new URL('./thread.ts', import.meta.url), {
      name: 'portrait',
      workerData: start,
      resourceLimits: { maxOldGenerationSizeMb: HEAP },
    });
    this.#thread = thread;
    this.#ready = false;
    this.#faces.clear();
    let cause: unknown;
    thread.on('message', (answer: Answer) => {
      if (this.#thread === thread) this.#settle(answer);
    });
    thread.on('error', (error: unknown) => (cause = error));
    thread.on('exit', (code) => {
      if (this.#thread === thread && this.#life.state === 'open') this.#ended('crash', cause ?? new Error(`exit ${code}`));
    });
    for (const [id, { question, signal }] of this.#open) {
      if (signal?.aborted) this.#open.delete(id);
      else thread.postMessage(question);
    }
    if (this.#open.size > 0) this.#begin();
  }

  #settle(answer: Answer): void {
    this.#ready = true;
    this.#deaths = { silent: 0, unborn: 0 };
    if ('ready' in answer) return;
    const asked = this.#open.get(answer.id);
    this.#open.delete(answer.id);
    if (asked && 'failure' in answer && !asked.failed) return this.#askAgain(asked);
    if (asked && 'pictures' in answer && !asked.signal?.aborted) this.#measure(asked.question);
    if (this.#open.size > 0) this.#begin();
    else this.#watchdog.stop();
    if ('pictures' in answer) asked?.resolve(answer.pictures);
    else asked?.reject(failed('could not draw a picture', answer.failure));
  }

  #askAgain(asked: Asked): void {
    asked.failed = true;
    this.#open.set(asked.question.id, asked);
    this.#thread?.postMessage(asked.question);
    this.#begin();
  }

  #measure({ avatar, orders }: Question): void {
    const each = (this.#options.clock.now() - this.#since) / Math.max(1, orders.length);
    if (this.#faces.has(avatar)) this.#usual = this.#usual === 0 ? each : this.#usual + 0.1 * (each - this.#usual);
    this.#faces.add(avatar);
  }

  /** The thread is no good any more: another takes its place. */
  #ended(kind: 'crash' | 'hang', cause: unknown): void {
    const { log, metrics, clock } = this.#options;
    const thread = this.#thread;
    this.#thread = undefined;
    this.#watchdog.stop();
    void thread?.terminate();
    metrics.providerErrors.inc({ provider: 'portrait', kind });
    this.#blame(cause);
    this.#deaths.silent += 1;
    const waitMs =
      this.#deaths.silent < MAX_DEATHS ? 0 : Math.min(BACKOFF.first * 2 ** (this.#deaths.silent - MAX_DEATHS), BACKOFF.most);
    log.error({ err: cause, kind, asked: this.#open.size, waitMs }, 'portrait thread died; another takes over');
    if (!this.#ready && this.#open.size === 0) return;
    if (waitMs === 0) return this.#renew();
    this.#resting = true;
    const forget = this.#life.defer(
      clock.at(clock.now() + waitMs, () => {
        void forget();
        this.#resting = false;
        this.#renew();
      }),
    );
  }

  /** Questions are drawn one after the other, so it was the first one's fault; unless the thread had not even started. */
  #blame(cause: unknown): void {
    this.#deaths.unborn = this.#ready ? 0 : this.#deaths.unborn + 1;
    const [head] = this.#open.values();
    if (head && this.#ready) head.deaths += 1;
    for (const [id, asked] of this.#open) {
      if (asked.deaths < MAX_DEATHS && this.#deaths.unborn < MAX_DEATHS) continue;
      this.#open.delete(id);
      asked.reject(failed('stopped while drawing', cause));
    }
  }
}

/** One per signal, since an utterance asks many questions. */
const wants = new WeakMap<AbortSignal, Int32Array>();

function wantedUntil(signal: AbortSignal): Int32Array {
  const known = wants.get(signal);
  if (known) return known;
  const wanted = new Int32Array(new SharedArrayBuffer(4)).fill(signal.aborted ? 0 : 1);
  signal.addEventListener('abort', () => Atomics.store(wanted, 0, 0), { once: true });
  wants.set(signal, wanted);
  return wanted;
}

const failed = (what: string, cause?: unknown): AvatarError =>
  new AvatarError('render_failed', `The portrait renderer ${what}.`, { cause });
