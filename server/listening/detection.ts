import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import { Queue } from '#base/queue.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { FloorFrame } from './act.ts';
import { FRAME_MS, SILENT_FRAME } from './framer.ts';
import type { VadStream } from './vad.ts';

export interface DetectionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** A frame and where its last sample was: what is known before the detector has answered. */
export interface Sounded {
  readonly samples: Int16Array;
  readonly at: number;
  readonly near: boolean;
}

export type Detected = FloorFrame & Pick<Sounded, 'samples'>;

/** Frames that wait for an answer, 10 s of them: a detector that begins anew takes no longer. */
const WAITING = 320;
/** A frame that is told so late is too late to stop the avatar by, ms. */
const BEHIND = 500;
/** Frames that are asked for at once while the detector is too slow; the others share the answer before them. */
const AT_ONCE = 4;
/** Frames in a row that it kept up with: it is asked about each again. */
const KEPT_UP = 1_000 / FRAME_MS;

/**
 * The frames of one microphone on their way through the voice detector: it is asked about the next ones while it still owes its answers, which are told in
 * order. One that doesn't keep up is asked about some of the frames only, so that the floor is told less exactly rather than ever later.
 */
export class Detection implements AsyncIterable<Detected> {
  readonly #options: DetectionOptions;
  readonly #stream: VadStream;
  readonly #waiting = new Queue<Sounded & { readonly speech: Promise<number> }>(WAITING);
  #speech = Promise.resolve(0);
  #asked = 0;
  /** Frames until the detector is asked about each again. */
  #sparing = 0;
  #isTold = false;

  constructor(stream: VadStream, options: DetectionOptions) {
    this.#options = options;
    this.#stream = stream;
  }

  /** The next frame. False when nobody reads any more. */
  push(frame: Sounded): Promise<boolean> {
    return this.#waiting.push({ ...frame, speech: this.#ask(frame.samples) });
  }

  /** A frame in which nothing can be heard. */
  silence(at: number): Promise<boolean> {
    return this.#waiting.push({ samples: SILENT_FRAME, at, near: false, speech: Promise.resolve(0) });
  }

  /** No more frames; those that wait are still told. */
  end(): void {
    this.#waiting.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Detected, void, undefined> {
    for await (const { speech, ...frame } of this.#waiting) {
      const detected = { ...frame, speech: await speech };
      this.#follow(frame.at);
      yield detected;
    }
  }

  #ask(samples: Int16Array): Promise<number> {
    const isSpared = this.#sparing > 0 && this.#asked >= AT_ONCE;
    this.#sparing = isSpared ? KEPT_UP : Math.max(0, this.#sparing - 1);
    if (isSpared) return this.#speech;
    this.#asked += 1;
    this.#speech = this.#stream.hear(samples).finally(() => (this.#asked -= 1));
    // Told to who reads, in its turn.
    this.#speech.catch(() => undefined);
    return this.#speech;
  }

  #follow(at: number): void {
    const { clock, log, metrics } = this.#options;
    const behindMs = clock.now() - at;
    metrics.earBehindMs.observe(behindMs);
    if (behindMs < BEHIND) return;
    this.#sparing = KEPT_UP;
    if (!this.#isTold)
      log.warn({ behindMs: Math.round(behindMs) }, 'the ear is behind: voices are detected less exactly meanwhile');
    this.#isTold = true;
  }
}
