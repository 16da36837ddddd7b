import { z } from 'zod';
import { decimal, hidden, integer, oneOf } from './setting-kinds.ts';

const address = z
  .string()
  .refine(
    (text) => /^https?:\/\/[^@]*$/i.test(text) && URL.canParse(text),
    'must be an http(s) URL such as "http://localhost:11434/v1", without a name or password',
  )
  .transform((text) => text.replace(/\/+$/, ''));

/** It travels in a header. */
const key = hidden(1).regex(/^[\x21-\x7e]+$/, 'must have only letters, digits and signs, without spaces');

const name = z.string().max(200, 'must have at most 200 characters');

/** USD per million tokens, in and out. */
const tokenPrices = z
  .string()
  .regex(/^\d{1,6}(\.\d{1,6})?\/\d{1,6}(\.\d{1,6})?$/, 'must be USD per million tokens in and out, such as "0.25/2"')
  .transform((text) => {
    const [input = 0, output = 0] = text.split('/').map(Number);
    return { input, output };
  });

export const PROVIDER_FIELDS = {
  LLM: oneOf('openai', 'demo').optional(),
  TTS: oneOf('elevenlabs', 'openai', 'flite').optional(),
  STT: oneOf('elevenlabs', 'openai', 'pocketsphinx').optional(),
  OPENAI_API_KEY: key.optional(),
  OPENAI_BASE_URL: address.optional(),
  OPENAI_MODEL: name.default('gpt-5.4-mini'),
  OPENAI_TTS_MODEL: name.optional(),
  OPENAI_TTS_VOICE: name.optional(),
  OPENAI_STT_MODEL: name.optional(),
  ELEVENLABS_API_KEY: key.optional(),
  ELEVENLABS_BASE_URL: address.optional(),
  ELEVENLABS_VOICE_ID: name.regex(/^[A-Za-z0-9_-]+$/, 'must be letters, digits, "-" or "_"').default('EXAVITQu4vr4xnSDxMaL'),
  ELEVENLABS_MODEL: name.default('eleven_flash_v2_5'),
  ELEVENLABS_STT_MODEL: name.default('scribe_v2_realtime'),
  LLM_TIMEOUT: integer(100, 600_000).default(20_000),
  TTS_TIMEOUT: integer(100, 600_000).default(10_000),
  STT_TIMEOUT: integer(100, 600_000).default(10_000),
  LLM_PRICE: tokenPrices.optional(),
  TTS_PRICE: decimal(0, 1_000_000).optional(),
  STT_PRICE: decimal(0, 1_000_000).optional(),
  HISTORY_TOKENS: integer(0, 10_000_000).default(4_000),
  FILLERS: oneOf('on', 'off').default('on'),
  TOOLS: oneOf('on', 'off').default('on'),
  LLM_VISION: oneOf('on', 'off').optional(),
};

/** Never repeated: an address may hold a password. */
export const PROVIDER_SECRETS = ['OPENAI_API_KEY', 'OPENAI_BASE_URL', 'ELEVENLABS_API_KEY', 'ELEVENLABS_BASE_URL'] as const;

/** Who answers, speaks and listens, and with what. Durations are ms. */
export interface Providers {
  readonly llm: 'openai' | 'demo';
  readonly tts: 'elevenlabs' | 'openai' | 'flite';
  readonly stt: 'elevenlabs' | 'openai' | 'pocketsphinx';
  readonly openai: OpenAiSettings;
  readonly elevenlabs: ElevenLabsSettings;
  /** Until a model's first word, until a clause's first sound, and from a phrase's end until its text: a second try included. */
  readonly timeouts: { readonly llm: number; readonly tts: number; readonly stt: number };
  /** USD per million tokens, per million characters, and per hour of sound. */
  readonly prices: {
    readonly llm: { readonly input: number; readonly output: number } | undefined;
    readonly tts: number | undefined;
    readonly stt: number | undefined;
  };
  /** Tokens of the conversation that a model is given with a prompt. */
  readonly historyTokens: number;
  /** A word is said while a reply to somebody who has spoken is thought of. */
  readonly fillers: boolean;
  /** The model may ask the server for the time, and to calculate. */
  readonly tools: boolean;
  /** The model takes images. */
  readonly vision: boolean;
}

export interface OpenAiSettings {
  readonly apiKey: string | undefined;
  /** Undefined = OpenAI's own. */
  readonly baseUrl: string | undefined;
  readonly model: string;
  readonly ttsModel: string;
  readonly ttsVoice: string;
  /** Undefined = the one that suits how its server is spoken to. */
  readonly sttModel: string | undefined;
}

export interface ElevenLabsSettings {
  readonly apiKey: string | undefined;
  /** Undefined = ElevenLabs' own. */
  readonly baseUrl: string | undefined;
  readonly voiceId: string;
  readonly model: string;
  readonly sttModel: string;
}

type Read = z.infer<z.ZodObject<typeof PROVIDER_FIELDS>>;

const hasOpenAi = (read: Read): boolean => Boolean(read.OPENAI_API_KEY ?? read.OPENAI_BASE_URL);

const llmOf = (read: Read): Providers['llm'] => read.LLM ?? (hasOpenAi(read) ? 'openai' : 'demo');

export function providersOf(read: Read): Providers {
  return {
    llm: llmOf(read),
    tts: ttsOf(read),
    stt: sttOf(read),
    openai: {
      apiKey: read.OPENAI_API_KEY,
      baseUrl: read.OPENAI_BASE_URL,
      model: read.OPENAI_MODEL,
      ttsModel: read.OPENAI_TTS_MODEL ?? 'gpt-4o-mini-tts',
      ttsVoice: read.OPENAI_TTS_VOICE ?? 'coral',
      sttModel: read.OPENAI_STT_MODEL,
    },
    elevenlabs: {
      apiKey: read.ELEVENLABS_API_KEY,
      baseUrl: read.ELEVENLABS_BASE_URL,
      voiceId: read.ELEVENLABS_VOICE_ID,
      model: read.ELEVENLABS_MODEL,
      sttModel: read.ELEVENLABS_STT_MODEL,
    },
    timeouts: { llm: read.LLM_TIMEOUT, tts: read.TTS_TIMEOUT, stt: read.STT_TIMEOUT },
    prices: { llm: read.LLM_PRICE, tts: read.TTS_PRICE, stt: read.STT_PRICE },
    historyTokens: read.HISTORY_TOKENS,
    fillers: read.FILLERS === 'on',
    tools: read.TOOLS === 'on',
    vision: read.LLM_VISION === undefined ? isKnownToSee(read) : read.LLM_VISION === 'on',
  };
}

/** OpenAI's own that answer in text; whether a server of one's own has a model that sees can't be told by its name. */
const SEEING = /^(chatgpt-4o|gpt-(4o|4\.1|5))(?!.*(audio|realtime|transcribe|tts|search))/;

const isKnownToSee = (read: Read): boolean => llmOf(read) === 'openai' && !read.OPENAI_BASE_URL && SEEING.test(read.OPENAI_MODEL);

/** A server of one's own behind OPENAI_BASE_URL mostly has no voice, so one has to be named for it. */
function ttsOf(read: Read): Providers['tts'] {
  if (read.TTS) return read.TTS;
  if (read.ELEVENLABS_API_KEY) return 'elevenlabs';
  const named = read.OPENAI_TTS_MODEL ?? read.OPENAI_TTS_VOICE;
  const speaks = named ? hasOpenAi(read) : read.OPENAI_API_KEY && !read.OPENAI_BASE_URL;
  return speaks ? 'openai' : 'flite';
}

/** The same of a recogniser. */
function sttOf(read: Read): Providers['stt'] {
  if (read.STT) return read.STT;
  if (read.ELEVENLABS_API_KEY) return 'elevenlabs';
  const listens = read.OPENAI_STT_MODEL ? hasOpenAi(read) : read.OPENAI_API_KEY && !read.OPENAI_BASE_URL;
  return listens ? 'openai' : 'pocketsphinx';
}

/** What is chosen without what it needs, a line each. */
export function providerConflicts(read: Read): string[] {
  const found: string[] = [];
  for (const part of ['LLM', 'TTS', 'STT'] as const) {
    if (read[part] === 'openai' && !hasOpenAi(read))
      found.push(`${part} is "openai": set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own`);
  }
  for (const part of ['TTS', 'STT'] as const) {
    if (read[part] === 'elevenlabs' && !read.ELEVENLABS_API_KEY) found.push(`${part} is "elevenlabs": set ELEVENLABS_API_KEY`);
  }
  if (read.LLM_VISION === 'on' && llmOf(read) === 'demo') found.push('LLM_VISION is "on", but LLM is "demo", which sees nothing');
  return found;
}
