import { ElevenLabsClient } from '@elevenlabs/elevenlabs-js';
import { fetcher } from '@elevenlabs/elevenlabs-js/core/fetcher/Fetcher.js';
import type { Clock } from '#base/clock.ts';
import { elevenLabsAdvice } from '#base/elevenlabs.ts';
import { Broken, type FailureKind } from '#base/failure.ts';
import type { Log } from '#base/log.ts';
import type { Character } from '#base/media.ts';
import { Provider } from '#base/provider.ts';
import type { Patience } from '#base/timed.ts';
import { elevenLabsFailure, lacksFormat } from './elevenlabs-failure.ts';
import { decodedMp3 } from './mp3.ts';
import { oneAhead } from './one-ahead.ts';
import { saidBy, type Rendition } from './said-by.ts';
import { samplesOf } from './samples.ts';
import type { Tts } from './tts.ts';

const NAME = 'elevenlabs';
/** Hz. */
const RATE = 24_000;
const PCM = 'pcm_24000';
const MP3 = 'mp3_44100_128';
/** An answer whose characters' times reach less far into its text than this was cut off. */
const MOST_OF_IT = 0.8;

export interface ElevenLabsTtsOptions {
  readonly apiKey: string | undefined;
  /** Undefined = ElevenLabs' own. */
  readonly baseUrl: string | undefined;
  /** Where a session asks for none. */
  readonly voiceId: string;
  readonly model: string;
  readonly patience: Patience;
  readonly clock: Clock;
  readonly log: Log;
  readonly failed: (kind: FailureKind) => void;
  readonly openFor?: number;
}

type Chunk =
  Awaited<ReturnType<ElevenLabsClient['textToSpeech']['streamWithTimestamps']>> extends AsyncIterable<infer One> ? One : never;

interface Words {
  readonly text: string;
  readonly previousText?: string;
  readonly languageCode?: string;
}

interface Opened {
  readonly format: typeof PCM | typeof MP3;
  readonly chunks: AsyncIterable<Chunk>;
}

/** ElevenLabs' voices with the times of their characters: a request per clause, PCM where the plan includes it, else MP3 that is decoded here. */
export function elevenLabsTts(options: ElevenLabsTtsOptions): Tts {
  const { voiceId, model: modelId, patience, clock, log, failed, openFor } = options;
  const client = clientOf(options);
  const provider = new Provider({
    name: NAME,
    part: 'tts',
    patience,
    clock,
    failed,
    failureOf: (thrown, begun) => elevenLabsFailure(thrown, begun, clock),
    advice: (kind) => elevenLabsAdvice(kind, 'ELEVENLABS_VOICE_ID, ELEVENLABS_MODEL'),
    ...(openFor === undefined ? {} : { openFor }),
  });
  // What the plan refuses is not asked for again.
  let usual: Opened['format'] = PCM;

  async function open(words: Words, voice: string, abortSignal: AbortSignal): Promise<Opened> {
    const request = { ...words, modelId };
    const ask = async (format: Opened['format']): Promise<Opened> => ({
      format,
      chunks: await client.textToSpeech.streamWithTimestamps(voice, { ...request, outputFormat: format }, { abortSignal }),
    });
    const format = usual;
    try {
      return await ask(format);
    } catch (error) {
      if (format === MP3 || !lacksFormat(error)) throw error;
      if (usual === PCM) log.warn({ provider: NAME }, 'the ElevenLabs plan includes no PCM; MP3 is decoded instead');
      usual = MP3;
      return ask(MP3);
    }
  }

  return {
    name: NAME,
    rate: RATE,
    synthesize: (clauses, { voice = voiceId, language }, signal, spend) =>
      oneAhead(clauses, { rate: RATE, signal }, (life) => {
        const render = (text: string, before: string, stop: AbortSignal): Rendition => {
          const characters: Character[] = [];
          const sound = async function* (): AsyncGenerator<Int16Array, void, undefined> {
            const { chunks, format } = await open(
              { text, ...previousOf(modelId, before), ...languageOf(modelId, language) },
              voice,
              stop,
            );
            spend?.({ part: 'tts', provider: NAME, characters: text.length });
            const bytes = read(chunks, text, characters);
            yield* format === PCM ? samplesOf(bytes) : decodedMp3(bytes, RATE, stop);
          };
          return { sound: sound(), characters };
        };
        return saidBy(provider, RATE, life, render);
      }),
  };
}

/** The SDK as it is used here: it neither tries again nor gives up by itself, and logs nothing. */
function clientOf({ apiKey = '', baseUrl }: ElevenLabsTtsOptions): ElevenLabsClient {
  return new ElevenLabsClient({
    apiKey,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    maxRetries: 0,
    logging: { silent: true },
    // Its timer would outlive a request that is aborted, and hold up the end of the process.
    fetcher: ({ timeoutMs: _, ...request }) => fetcher(request),
  });
}

/** What was said before, for the melody of what is said now; the newest model refuses it. */
const previousOf = (model: string, previousText: string): { previousText?: string } =>
  previousText === '' || model.endsWith('_v3') ? {} : { previousText };

/** Only these models take a language, and only by its two letters. */
function languageOf(model: string, language: string): { languageCode?: string } {
  const [code = ''] = language.toLowerCase().split('-');
  return /_v2_5$|_v3$/.test(model) && code.length === 2 ? { languageCode: code } : {};
}

/** The sound of an answer; `characters` is filled with their times. */
async function* read(
  chunks: AsyncIterable<Chunk>,
  text: string,
  characters: Character[],
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { audioBase64, alignment } of chunks) {
    if (alignment) {
      const { characters: letters, characterStartTimesSeconds: starts, characterEndTimesSeconds: ends } = alignment;
      const before = characters.at(-1)?.end ?? 0;
      // Times count from the beginning of the answer; some versions count from that of the chunk.
      const from = samplesIn(starts[0] ?? 0) < before - RATE / 100 ? before : 0;
      letters.forEach((letter, n) => {
        const start = from + samplesIn(starts[n] ?? 0);
        characters.push({ text: letter, start, end: Math.max(start, from + samplesIn(ends[n] ?? 0)) });
      });
    }
    if (audioBase64) yield Buffer.from(audioBase64, 'base64');
  }
  const timed = characters.reduce((length, one) => length + one.text.length, 0);
  if (timed > 0 && timed < text.length * MOST_OF_IT) throw new Broken('cut', 'its answer was cut off');
}

const samplesIn = (seconds: number): number => Math.round(seconds * RATE);
