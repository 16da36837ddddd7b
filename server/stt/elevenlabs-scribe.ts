import { WebSocket } from 'ws';
import { z } from 'zod';
import { Broken, type FailureKind } from '#base/failure.ts';
import { languageCode } from './language.ts';
import type { Dialect, Line, Reader, Sender } from './live.ts';
import { SOCKET_OPTIONS, SocketLine } from './socket-line.ts';
import { STT_RATE, type Transcript, type Word } from './stt.ts';

const PUBLIC = 'https://api.elevenlabs.io';
/** Shorter sound is refused; silence makes it long enough. In samples. */
const SHORTEST = STT_RATE / 2;

export interface ScribeAccess {
  readonly apiKey: string | undefined;
  /** Undefined = ElevenLabs' own. */
  readonly baseUrl: string | undefined;
  readonly model: string;
}

/**
 * ElevenLabs' Scribe as it hears live, a session per phrase, whose end is told by us. Its SDK's client of it is not used: that one throws out of an
 * event handler where it is sent what is no JSON, which ends the process.
 */
export function scribe(access: ScribeAccess): Dialect<object> {
  return { open: (language) => lineOf(access, language), sender: senderOf, reader: () => new ScribeReader() };
}

function lineOf({ apiKey = '', baseUrl = PUBLIC, model }: ScribeAccess, language: string): Line<object> {
  const code = languageCode(language);
  const query = new URLSearchParams({
    model_id: model,
    audio_format: 'pcm_16000',
    commit_strategy: 'manual',
    include_timestamps: 'true',
    ...(code === undefined ? {} : { language_code: code }),
  });
  const url = `${baseUrl.replace(/^http/i, 'ws')}/v1/speech-to-text/realtime?${query.toString()}`;
  return SocketLine.over(new WebSocket(url, { ...SOCKET_OPTIONS, headers: { 'xi-api-key': apiKey } }));
}

function senderOf(): Sender<object> {
  let said = 0;
  const chunk = (samples: Int16Array, commit: boolean): object => ({
    message_type: 'input_audio_chunk',
    audio_base_64: Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength).toString('base64'),
    commit,
    sample_rate: STT_RATE,
  });
  return {
    say(samples) {
      said += samples.length;
      return [chunk(samples, false)];
    },
    // The end travels with some silence: a chunk without sound may be refused.
    end: () => [chunk(new Int16Array(Math.max(STT_RATE / 50, SHORTEST - said)), true)],
  };
}

/** As far as it is read; what it is about follows from its `message_type`. */
const Message = z.object({
  message_type: z.string(),
  text: z.string().nullish(),
  words: z
    .array(
      z.object({
        text: z.string().nullish(),
        start: z.number().nullish(),
        end: z.number().nullish(),
        type: z.string().nullish(),
      }),
    )
    .nullish(),
});

const FAILURES = new Map<string, FailureKind>([
  ['auth_error', 'wrong_key'],
  ['unaccepted_terms', 'quota'],
  ['quota_exceeded', 'quota'],
  ['rate_limited', 'rate_limited'],
  ['resource_exhausted', 'overloaded'],
  ['queue_overflow', 'overloaded'],
  ['transcriber_error', 'overloaded'],
  ['error', 'overloaded'],
  ['session_time_limit_exceeded', 'cut'],
  ['insufficient_audio_activity', 'cut'],
  ['input_error', 'refused'],
  ['invalid_request', 'refused'],
  ['chunk_size_exceeded', 'refused'],
]);

/** Puts a phrase together from its parts: mostly one, but the server may end one by itself before we do, and says some things twice. */
class ScribeReader implements Reader {
  /** The final text that came without its words' times. */
  enough: Transcript | undefined;
  readonly #texts: string[] = [];
  readonly #words: Word[] = [];
  /** Ended, but its words' times may follow. */
  #untimed: string | undefined;

  hear(data: unknown, length: number | undefined): Transcript | undefined {
    const over = length !== undefined;
    const message = Message.safeParse(data);
    if (!message.success) throw new Broken('garbage', 'what it says is no message of Scribe');
    const { message_type: type, text, words } = message.data;
    switch (type) {
      case 'partial_transcript':
        if (this.enough) return undefined;
        this.#settle();
        return this.#heard(text ?? '', false);
      case 'committed_transcript':
        return this.#ended(text ?? '', over);
      case 'committed_transcript_with_timestamps':
        return this.#timed(text ?? '', wordsOf(words ?? []), over);
      case 'commit_throttled':
        // All of it was ended before.
        return over ? this.#heard('', true) : undefined;
      default:
        return failed(FAILURES.get(type), type);
    }
  }

  #ended(text: string, over: boolean): Transcript | undefined {
    if (text === this.#untimed || (text !== '' && !over && text === this.#texts.at(-1))) return undefined;
    this.#settle();
    this.#untimed = text;
    const heard = this.#heard('', false);
    if (over) this.enough = { ...heard, final: true };
    return heard;
  }

  #timed(text: string, words: readonly Word[], over: boolean): Transcript | undefined {
    const isRepeated = words.length > 0 && (words.at(-1)?.endMs ?? 0) <= (this.#words.at(-1)?.endMs ?? 0);
    if (isRepeated) return undefined;
    const isLate = this.#untimed === undefined && text === this.#texts.at(-1);
    if (!isLate) this.#texts.push(text);
    this.#untimed = undefined;
    this.#words.push(...words);
    return this.#heard('', over);
  }

  /** The times of what was ended won't come any more. */
  #settle(): void {
    if (this.#untimed !== undefined) this.#texts.push(this.#untimed);
    this.#untimed = undefined;
  }

  #heard(partial: string, final: boolean): Transcript {
    const text = [...this.#texts, this.#untimed ?? '', partial]
      .map((one) => one.trim())
      .filter(Boolean)
      .join(' ');
    return final && this.#words.length > 0 ? { text, final, words: this.#words } : { text, final };
  }
}

function failed(kind: FailureKind | undefined, type: string): undefined {
  if (kind) throw new Broken(kind, `it reported an error (${type})`);
}

type Told = NonNullable<z.infer<typeof Message>['words']>[number];

function wordsOf(told: readonly Told[]): Word[] {
  return told.flatMap(({ text, start, end, type }) => {
    if (!text?.trim() || type === 'spacing' || typeof start !== 'number' || typeof end !== 'number') return [];
    const startMs = Math.max(0, Math.round(start * 1_000));
    return [{ text: text.trim(), startMs, endMs: Math.max(startMs, Math.round(end * 1_000)) }];
  });
}
