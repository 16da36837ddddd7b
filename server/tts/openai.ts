import type { Clock } from '#base/clock.ts';
import { Broken, type FailureKind } from '#base/failure.ts';
import { openAiAdvice, openAiClient, openAiFailure, type OpenAiAccess } from '#base/openai.ts';
import { Provider } from '#base/provider.ts';
import type { Patience } from '#base/timed.ts';
import { oneAhead } from './one-ahead.ts';
import { saidBy } from './said-by.ts';
import { samplesOf } from './samples.ts';
import type { Tts } from './tts.ts';

const NAME = 'openai';
/** Hz, of OpenAI's `pcm`. */
const RATE = 24_000;

export interface OpenAiTtsOptions extends OpenAiAccess {
  readonly model: string;
  /** Where a session asks for none. */
  readonly voice: string;
  readonly patience: Patience;
  readonly clock: Clock;
  readonly failed: (kind: FailureKind) => void;
  readonly openFor?: number;
}

/** OpenAI's speech, or that of a server that speaks like it: a request per clause, raw PCM as it is made. */
export function openAiTts(options: OpenAiTtsOptions): Tts {
  const { model, voice: usual, patience, clock, failed, openFor } = options;
  const client = openAiClient(options);
  const provider = new Provider({
    name: NAME,
    part: 'tts',
    patience,
    clock,
    failed,
    failureOf: (thrown, begun) => openAiFailure(thrown, begun, clock),
    advice: (kind) => openAiAdvice(kind, 'OPENAI_TTS_MODEL, OPENAI_TTS_VOICE'),
    ...(openFor === undefined ? {} : { openFor }),
  });
  return {
    name: NAME,
    rate: RATE,
    synthesize: (clauses, { voice = usual }, signal, spend) =>
      oneAhead(clauses, { rate: RATE, signal }, (life) => {
        const bytes = async function* (input: string, stop: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
          const request = { model, voice, input, response_format: 'pcm' } as const;
          const response = await client.audio.speech.create(request, { signal: stop });
          spend?.({ part: 'tts', provider: NAME, characters: input.length });
          if (/^(text|application\/json)/.test(response.headers.get('content-type') ?? ''))
            throw new Broken('garbage', 'its answer is no sound');
          yield* pcm(response.body ?? new ReadableStream<Uint8Array>());
        };
        return saidBy(provider, RATE, life, (text, _before, stop) => ({ sound: samplesOf(bytes(text, stop)), characters: [] }));
      }),
  };
}

/** Servers that can't make PCM send what they can, under any name. */
const OTHER = /^(RIFF|ID3|OggS|fLaC)/;

async function* pcm(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let first = true;
  for await (const piece of bytes) {
    if (first && OTHER.test(String.fromCharCode(...piece.subarray(0, 4)))) throw new Broken('garbage', 'it sends no raw PCM');
    first = false;
    yield piece;
  }
}
