import type { OpenAI } from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { z } from 'zod';
import { Broken, type FailureKind } from '#base/failure.ts';
import { languageCode } from './language.ts';
import type { Dialect, Reader, Line, Sender } from './live.ts';
import { SOCKET_OPTIONS, SocketLine } from './socket-line.ts';
import { STT_RATE, type Transcript } from './stt.ts';
import { Upsampler } from './upsample.ts';

/** Shorter sound is refused; silence makes it long enough. In samples. */
const SHORTEST = STT_RATE / 2;

/** OpenAI's realtime transcription: a session per phrase, whose end is told by us. */
export function openAiRealtime(client: OpenAI, model: string): Dialect<object> {
  return {
    open: (language) => lineOf(client, model, language),
    sender: senderOf,
    reader: () => new OpenAiReader(),
  };
}

function lineOf(client: OpenAI, model: string, language: string): Line<object> {
  const connection = new OpenAIRealtimeWS({ intent: 'transcription', options: SOCKET_OPTIONS }, client);
  // The line hears of it, too.
  connection.on('error', () => undefined);
  const input = {
    format: { type: 'audio/pcm', rate: 24_000 },
    transcription: { model, ...languageOf(model, language) },
    turn_detection: null,
  };
  return SocketLine.over(connection.socket, [{ type: 'session.update', session: { type: 'transcription', audio: { input } } }]);
}

/** The newest models take several languages, the others one. */
function languageOf(model: string, language: string): { language?: string; languages?: string[] } {
  const code = languageCode(language);
  if (code === undefined) return {};
  return /^gpt-(live-)?transcribe/.test(model) ? { languages: [code] } : { language: code };
}

function senderOf(): Sender<object> {
  const upsampler = new Upsampler();
  let said = 0;
  const append = (samples: Int16Array): object[] => {
    const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
    return samples.length === 0 ? [] : [{ type: 'input_audio_buffer.append', audio: bytes.toString('base64') }];
  };
  return {
    say(samples) {
      said += samples.length;
      return append(upsampler.push(samples));
    },
    end() {
      const silence = upsampler.push(new Int16Array(Math.max(0, SHORTEST - said)));
      return [...append(silence), ...append(upsampler.flush()), { type: 'input_audio_buffer.commit' }];
    },
  };
}

const Trouble = z.object({ type: z.string().nullish(), code: z.string().nullish() });

/** As far as it is read; what it is about follows from its `type`. */
const Message = z.object({
  type: z.string(),
  item_id: z.string().nullish(),
  delta: z.string().nullish(),
  transcript: z.string().nullish(),
  error: Trouble.nullish(),
});

const TRANSCRIPTION = 'conversation.item.input_audio_transcription.';

/** Puts a phrase together from what is said of its items; mostly it is one. */
class OpenAiReader implements Reader {
  readonly #items = new Map<string, { text: string; done: boolean }>();
  /** The one that our end of the phrase made. */
  #last: string | undefined;

  hear(data: unknown, length: number | undefined): Transcript | undefined {
    const over = length !== undefined;
    const message = Message.safeParse(data);
    if (!message.success) throw new Broken('garbage', 'what it says is no realtime event');
    const { type, item_id, delta, transcript, error } = message.data;
    const id = item_id ?? '';
    const item = this.#items.get(id);
    switch (type) {
      case `${TRANSCRIPTION}delta`:
        if (item?.done || !delta) return undefined;
        this.#items.set(id, { text: (item?.text ?? '') + delta, done: false });
        return this.#heard(false);
      case `${TRANSCRIPTION}completed`:
        if (typeof transcript !== 'string') throw new Broken('garbage', 'its transcript has no text');
        this.#items.set(id, { text: transcript, done: true });
        return this.#heard(over && (this.#last ?? id) === id);
      case 'input_audio_buffer.committed':
        if (!over) return undefined;
        this.#last = id;
        return item?.done ? this.#heard(true) : undefined;
      case `${TRANSCRIPTION}failed`:
      case 'error':
        if (error?.code === 'input_audio_buffer_commit_empty' && over) return this.#heard(true);
        throw brokenBy(error ?? {});
      default:
        return undefined;
    }
  }

  #heard(final: boolean): Transcript {
    const texts = [...this.#items.values()].map(({ text }) => text.trim());
    return { text: texts.filter(Boolean).join(' '), final };
  }
}

const KINDS: readonly (readonly [RegExp, FailureKind])[] = [
  [/quota|billing/, 'quota'],
  [/rate_limit/, 'rate_limited'],
  [/api_key|auth|permission/, 'wrong_key'],
  [/not_found/, 'not_found'],
  [/expired/, 'cut'],
  [/invalid|unsupported|unknown_parameter|missing/, 'refused'],
];

function brokenBy({ code, type }: z.infer<typeof Trouble>): Broken {
  const words = [code, type].filter((word): word is string => typeof word === 'string' && /^[\w.-]{1,60}$/.test(word));
  const kind = KINDS.find(([pattern]) => words.some((word) => pattern.test(word)))?.[1] ?? 'overloaded';
  return new Broken(kind, `it reported an error${words[0] ? ` (${words[0]})` : ''}`);
}
