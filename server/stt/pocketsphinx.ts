import { availableParallelism } from 'node:os';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { failureOfError, type FailureKind } from '#base/failure.ts';
import { Provider } from '#base/provider.ts';
import { ENDLESS } from '#base/timed.ts';
import { heardBy } from './heard-by.ts';
import { languageCode } from './language.ts';
import { Live, type Dialect, type Reader, type Sender } from './live.ts';
import type { Phrase } from './phrase.ts';
import { startRecogniser, type Ffmpeg, type Heard } from './pocketsphinx-child.ts';
import { Seats } from './seats.ts';
import { STT_RATE, type Stt, type Transcript } from './stt.ts';

const NAME = 'pocketsphinx';
/** A recogniser with its model loaded (100 MB) is kept for the next phrase for so long, ms. */
const KEEP = 300_000;
/** It tells words only after half a second without a voice, so silence follows each phrase; the last piece of it stays in ffmpeg. In samples. */
const AFTER = (STT_RATE * 7) / 10;
/** Once so much of that silence was heard, no more words come. */
const SURE = (STT_RATE * 6) / 10;

export interface PocketsphinxOptions extends Partial<Ffmpeg> {
  /** From a phrase's end until its text, once, in ms. */
  readonly within: number;
  readonly clock: Clock;
  readonly failed: (kind: FailureKind) => void;
  readonly openFor?: number;
  /** How many phrases are heard at once. */
  readonly seats?: number;
}

/**
 * The embedded offline recogniser: pocketsphinx inside ffmpeg, English only, a child per phrase that hears it while it is spoken. The next child
 * has loaded its model before it is needed.
 */
export function pocketsphinxStt(options: PocketsphinxOptions): Stt {
  const { ffmpeg = 'ffmpeg', model = '/usr/share/pocketsphinx/model/en-us', within, clock, failed, openFor } = options;
  const dialect: Dialect<Int16Array> = {
    open: () => startRecogniser({ ffmpeg, model }),
    sender: senderOf,
    reader: readerOf,
  };
  const live = new Live({ dialect, within, keep: KEEP, clock });
  const seats = new Seats(options.seats ?? Math.max(4, 2 * availableParallelism()), clock);
  const provider = new Provider({
    name: NAME,
    part: 'stt',
    patience: ENDLESS,
    clock,
    failed,
    failureOf: failureOfError,
    advice: adviceOf,
    ...(openFor === undefined ? {} : { openFor }),
  });

  async function* ask(phrase: Phrase, signal: AbortSignal): AsyncGenerator<Transcript, void, undefined> {
    const leave = await seats.take(within, signal);
    try {
      yield* live.ask(phrase, 'en', signal, () => undefined);
    } finally {
      leave();
    }
  }

  return {
    name: NAME,
    async *transcribe(pcm, language, signal) {
      if (languageCode(language) !== 'en') throw englishOnly(language);
      yield* heardBy(provider, pcm, signal, ask);
    },
    prepare: (language) => {
      if (languageCode(language) === 'en') live.prepare('en');
    },
    close: (reason) => live.close(reason),
  };
}

function senderOf(): Sender<Int16Array> {
  return { say: (samples) => [samples], end: () => [new Int16Array(AFTER)] };
}

/** Its words come in parts, one for each half second without a voice. */
function readerOf(): Reader {
  let text = '';
  return {
    hear(message, length) {
      const heard = message as Heard;
      if ('until' in heard) return length !== undefined && heard.until >= length + SURE ? { text, final: true } : undefined;
      text = `${text} ${heard.words.toLowerCase()}`.trim();
      return { text, final: false };
    },
  };
}

function adviceOf(kind: FailureKind): string | undefined {
  if (kind !== 'not_found') return undefined;
  return 'Install ffmpeg with pocketsphinx and its English model (Debian: apt install ffmpeg pocketsphinx-en-us).';
}

function englishOnly(language: string): AvatarError {
  const message = `The recogniser of ${NAME} understands English only, and this is "${language}": set STT to another, or speak English.`;
  return new AvatarError('provider_failed', message, { details: { provider: NAME, part: 'stt', kind: 'refused' } });
}
