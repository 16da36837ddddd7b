import type { Clock } from '#base/clock.ts';
import { asAvatarError, type AvatarError } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import { MICROPHONE_RATE } from '#base/media.ts';
import { Queue } from '#base/queue.ts';
import type { Spend } from '#base/usage.ts';
import type { Stt } from '#server/stt/stt.ts';
import type { HeardText } from './act.ts';

export interface RecognitionOptions {
  readonly stt: Stt;
  readonly language: string;
  readonly spend: Spend;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RecognitionSinks {
  /** `from`: clock ms of the phrase's first sound. */
  heard(text: HeardText & { readonly from: number }): void;
  failed(error: AvatarError): void;
}

interface Recognition {
  readonly sound: Queue<Int16Array>;
  readonly abort: AbortController;
  readonly from: number;
}

/** Frames kept for the beginning of the next phrase: half a second. */
const KEPT = 16;
/** A phrase is cut after 30 s; its sound waits for a recogniser that is slow, frames. */
const LONGEST = 1_200;

/** The phrases that are being recognised: each gets its own sound, from a little before its voice set in. */
export class Recognitions {
  readonly #options: RecognitionOptions;
  readonly #sinks: RecognitionSinks;
  readonly #running = new Map<number, Recognition>();
  readonly #kept: { readonly samples: Int16Array; readonly at: number }[] = [];
  /** The phrase that goes on. */
  #current: Recognition | undefined;

  constructor(options: RecognitionOptions, sinks: RecognitionSinks) {
    this.#options = options;
    this.#sinks = sinks;
  }

  /** The microphone's next frame, whose last sample was there at `at`, clock ms. */
  sound(samples: Int16Array, at: number): void {
    this.#kept.push({ samples, at });
    if (this.#kept.length > KEPT) this.#kept.shift();
    if (this.#current) void this.#current.sound.push(samples);
  }

  /** A phrase begins with what was heard since `from`, clock ms. */
  begin(phrase: number, from: number): void {
    const recognition = { sound: new Queue<Int16Array>(LONGEST, 'drop-oldest'), abort: new AbortController(), from };
    this.#running.set(phrase, recognition);
    this.#current = recognition;
    for (const { samples, at } of this.#kept)
      if (at - (samples.length * 1_000) / MICROPHONE_RATE >= from - 1) void recognition.sound.push(samples);
    void this.#recognise(phrase, recognition);
  }

  end(phrase: number): void {
    const ended = this.#running.get(phrase);
    ended?.sound.end();
    if (this.#current === ended) this.#current = undefined;
  }

  /** Nothing comes of the phrase, so nobody need go on reading it. */
  forget(phrase: number): void {
    this.end(phrase);
    this.#running.get(phrase)?.abort.abort();
  }

  close(): void {
    for (const phrase of this.#running.keys()) this.forget(phrase);
  }

  async #recognise(phrase: number, { sound, abort, from }: Recognition): Promise<void> {
    const { stt, language, spend, clock, log } = this.#options;
    const tell = (text: string, final: boolean): void => {
      if (!abort.signal.aborted) this.#sinks.heard({ phrase, text, final, at: clock.now(), from });
    };
    try {
      for await (const { text, final } of stt.transcribe(sound, language, abort.signal, spend)) {
        tell(text, final);
        if (final) return;
      }
    } catch (error) {
      if (abort.signal.aborted) return;
      log.warn({ err: error, provider: stt.name }, 'a phrase could not be recognised');
      this.#sinks.failed(asAvatarError(error));
    } finally {
      this.#running.delete(phrase);
    }
    tell('', true);
  }
}
