import type { OpenAI } from 'openai';
import { z } from 'zod';
import { sleep, type Clock } from '#base/clock.ts';
import { Broken } from '#base/failure.ts';
import { openAiFailure } from '#base/openai.ts';
import { TooLate } from '#base/timed.ts';
import { languageCode } from './language.ts';
import type { Phrase } from './phrase.ts';
import type { Transcript } from './stt.ts';
import { wavOf } from './wav.ts';

/** As far as it is read. */
const Answer = z.object({
  text: z.string(),
  words: z.array(z.object({ word: z.string(), start: z.number(), end: z.number() })).nullish(),
});

interface EndpointOptions {
  readonly model: string;
  /** From the phrase's end until its text, ms. */
  readonly within: number;
  readonly clock: Clock;
}

/** OpenAI's transcription endpoint: a request per phrase, sent once it is over. */
export class OpenAiEndpoint {
  readonly #client: OpenAI;
  readonly #options: EndpointOptions;
  /** Only Whisper tells when words are heard, and not every server that has it; one that refuses is not asked again. */
  #asksForWords: boolean;

  constructor(client: OpenAI, options: EndpointOptions) {
    this.#client = client;
    this.#options = options;
    this.#asksForWords = options.model.includes('whisper');
  }

  /** One try at `phrase`; `heard` is told how many samples were sent. */
  async *ask(
    phrase: Phrase,
    language: string,
    signal: AbortSignal,
    heard: (samples: number) => void,
  ): AsyncGenerator<Transcript, void, undefined> {
    const { within, clock } = this.#options;
    const samples = await phrase.whole();
    if (signal.aborted) return;
    const answered = new AbortController();
    const gone = AbortSignal.any([signal, answered.signal]);
    const late = sleep(clock, within, gone).then(() => undefined);
    const asking = this.#transcribe(samples, language, gone);
    try {
      const answer = await Promise.race([asking, late]);
      if (!answer) throw new TooLate('first', within);
      yield transcriptOf(answer);
    } finally {
      asking.catch(() => undefined);
      answered.abort();
      heard(samples.length);
    }
  }

  async #transcribe(samples: Int16Array, language: string, signal: AbortSignal): Promise<object> {
    const { model } = this.#options;
    const code = languageCode(language);
    const request = {
      file: new File([wavOf(samples)], 'phrase.wav', { type: 'audio/wav' }),
      model,
      ...(code === undefined ? {} : { language: code }),
    };
    const { transcriptions } = this.#client.audio;
    if (!this.#asksForWords) return transcriptions.create({ ...request, response_format: 'json' }, { signal });
    try {
      return await transcriptions.create(
        { ...request, response_format: 'verbose_json', timestamp_granularities: ['word'] },
        { signal },
      );
    } catch (error) {
      if (openAiFailure(error, false, this.#options.clock).kind !== 'refused') throw error;
      const answer = await transcriptions.create({ ...request, response_format: 'json' }, { signal });
      this.#asksForWords = false;
      return answer;
    }
  }
}

function transcriptOf(data: object): Transcript {
  const answer = Answer.safeParse(data);
  if (!answer.success) throw new Broken('garbage', 'its answer is no transcription');
  const { text, words } = answer.data;
  return {
    text: text.trim(),
    final: true,
    words: words?.map(({ word, start, end }) => ({
      text: word.trim(),
      startMs: Math.round(start * 1_000),
      endMs: Math.round(end * 1_000),
    })),
  };
}
