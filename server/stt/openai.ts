import type { Clock } from '#base/clock.ts';
import type { FailureKind } from '#base/failure.ts';
import type { Log } from '#base/log.ts';
import { openAiAdvice, openAiClient, openAiFailure, type OpenAiAccess } from '#base/openai.ts';
import { Provider } from '#base/provider.ts';
import { ENDLESS } from '#base/timed.ts';
import { heardBy } from './heard-by.ts';
import { Live } from './live.ts';
import { OpenAiEndpoint } from './openai-endpoint.ts';
import { openAiRealtime } from './openai-realtime.ts';
import { lineFailure, NoSocket } from './socket-line.ts';
import { STT_RATE, type Stt } from './stt.ts';

const NAME = 'openai';
/** Of OpenAI's own, the one that hears while somebody speaks; and the one that servers of one's own mostly know. */
const USUAL = { realtime: 'gpt-live-transcribe', endpoint: 'whisper-1' };
/** An idle session is kept open for the next phrase for so long, ms. */
const KEEP = 30_000;
/** Answers of a server that has no realtime transcription to the wish for it. */
const UNKNOWN = new Set([400, 404, 405, 426, 501]);

export interface OpenAiSttOptions extends OpenAiAccess {
  /** Undefined = the usual one. */
  readonly model: string | undefined;
  /** From a phrase's end until its text, once, in ms. */
  readonly within: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly failed: (kind: FailureKind) => void;
  readonly openFor?: number;
}

/**
 * OpenAI's recognisers, or those of a server that speaks like it: realtime transcription over a WebSocket where the server has it (its SDK speaks
 * only encrypted ones), else a request per phrase.
 */
export function openAiStt(options: OpenAiSttOptions): Stt {
  const { model, within, clock, log, failed, openFor } = options;
  const client = openAiClient(options);
  const live = new Live({
    dialect: openAiRealtime(client, model ?? USUAL.realtime),
    within,
    keep: KEEP,
    clock,
  });
  const endpoint = new OpenAiEndpoint(client, { model: model ?? USUAL.endpoint, within, clock });
  const provider = new Provider({
    name: NAME,
    part: 'stt',
    patience: ENDLESS,
    clock,
    failed,
    failureOf: (thrown, begun) =>
      thrown instanceof NoSocket ? lineFailure(thrown, begun, clock) : openAiFailure(thrown, begun, clock),
    advice: (kind) => openAiAdvice(kind, 'OPENAI_STT_MODEL'),
    ...(openFor === undefined ? {} : { openFor }),
  });
  // A server that doesn't know it is not asked for it again.
  let isRealtime = client.baseURL.startsWith('https:');

  return {
    name: NAME,
    transcribe: (pcm, language, signal, spend) =>
      heardBy(provider, pcm, signal, async function* (phrase, stop) {
        const heard = (samples: number): void => spend?.({ part: 'stt', provider: NAME, seconds: samples / STT_RATE });
        if (isRealtime) {
          try {
            return yield* live.ask(phrase, language, stop, heard);
          } catch (error) {
            if (!(error instanceof NoSocket && UNKNOWN.has(error.status))) throw error;
            isRealtime = false;
            log.warn({ provider: NAME }, 'the server has no realtime transcription; phrases are sent when they are over');
          }
        }
        yield* endpoint.ask(phrase, language, stop, heard);
      }),
    prepare: (language) => {
      if (isRealtime) live.prepare(language);
    },
    close: (reason) => live.close(reason),
  };
}
