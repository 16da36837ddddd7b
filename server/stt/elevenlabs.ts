import type { Clock } from '#base/clock.ts';
import { elevenLabsAdvice } from '#base/elevenlabs.ts';
import type { FailureKind } from '#base/failure.ts';
import { Provider } from '#base/provider.ts';
import { ENDLESS } from '#base/timed.ts';
import { scribe, type ScribeAccess } from './elevenlabs-scribe.ts';
import { heardBy } from './heard-by.ts';
import { Live } from './live.ts';
import { lineFailure } from './socket-line.ts';
import { STT_RATE, type Stt } from './stt.ts';

const NAME = 'elevenlabs';
/** A session without sound is kept open for the next phrase for so long, ms: plans allow only some at once. */
const KEEP = 15_000;

export interface ElevenLabsSttOptions extends ScribeAccess {
  /** From a phrase's end until its text, once, in ms. */
  readonly within: number;
  readonly clock: Clock;
  readonly failed: (kind: FailureKind) => void;
  readonly openFor?: number;
}

/** ElevenLabs' Scribe, while somebody speaks, with the times of the words. */
export function elevenLabsStt(options: ElevenLabsSttOptions): Stt {
  const { within, clock, failed, openFor } = options;
  const live = new Live({ dialect: scribe(options), within, keep: KEEP, clock });
  const provider = new Provider({
    name: NAME,
    part: 'stt',
    patience: ENDLESS,
    clock,
    failed,
    failureOf: (thrown, begun) => lineFailure(thrown, begun, clock),
    advice: (kind) => elevenLabsAdvice(kind, 'ELEVENLABS_STT_MODEL'),
    ...(openFor === undefined ? {} : { openFor }),
  });
  return {
    name: NAME,
    transcribe: (pcm, language, signal, spend) =>
      heardBy(provider, pcm, signal, (phrase, stop) =>
        live.ask(phrase, language, stop, (samples) => spend?.({ part: 'stt', provider: NAME, seconds: samples / STT_RATE })),
      ),
    prepare: (language) => live.prepare(language),
    close: (reason) => live.close(reason),
  };
}
