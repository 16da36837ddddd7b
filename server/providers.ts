import type { Clock } from '#base/clock.ts';
import type { FailureKind } from '#base/failure.ts';
import type { Log } from '#base/log.ts';
import type { Patience } from '#base/timed.ts';
import type { Config } from './config.ts';
import { demoLlm } from './llm/demo.ts';
import type { Llm } from './llm/llm.ts';
import { arithmeticTool } from './llm/tools/arithmetic.ts';
import { timeTool } from './llm/tools/time.ts';
import { Toolbox } from './llm/tools/toolbox.ts';
import { pocketsphinxStt } from './stt/pocketsphinx.ts';
import type { Stt } from './stt/stt.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { Tts } from './tts/tts.ts';

interface Around {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** How long a whole answer may be waited for, and a whole clause, ms. */
const WHOLE = { llm: 120_000, tts: 60_000 };

/** The model that is configured. What a provider needs is loaded only when it is chosen. */
export async function createLlm(config: Config, { clock, log, metrics }: Around): Promise<Llm> {
  if (config.llm === 'demo') return demoLlm({ clock, describe: () => describe(config) });
  const { openAiLlm } = await import('./llm/openai.ts');
  const { apiKey, baseUrl, model } = config.openai;
  const patience = patienceOf(config.timeouts.llm, WHOLE.llm);
  const toolbox = config.tools ? new Toolbox([timeTool(clock), arithmeticTool()], { clock, log }) : undefined;
  const failed = counted('openai', 'llm', { log, metrics });
  return openAiLlm({ apiKey, baseUrl, model, toolbox, sees: config.vision, patience, clock, failed });
}

/** The voice that is configured; `flite` when it is the embedded one. */
export async function createTts(config: Config, flite: Tts, { clock, log, metrics }: Around): Promise<Tts> {
  if (config.tts === 'flite') return flite;
  const patience = patienceOf(config.timeouts.tts, WHOLE.tts);
  const failed = counted(config.tts, 'tts', { log, metrics });
  if (config.tts === 'elevenlabs') {
    const { elevenLabsTts } = await import('./tts/elevenlabs.ts');
    return elevenLabsTts({ ...config.elevenlabs, patience, clock, failed, log });
  }
  const { openAiTts } = await import('./tts/openai.ts');
  const { apiKey, baseUrl, ttsModel: model, ttsVoice: voice } = config.openai;
  return openAiTts({ apiKey, baseUrl, model, voice, patience, clock, failed });
}

/** The recogniser that is configured. */
export async function createStt(config: Config, { clock, log, metrics }: Around): Promise<Stt> {
  const { stt, openai, elevenlabs } = config;
  const around = { within: Math.ceil(config.timeouts.stt / 2), clock, log, failed: counted(stt, 'stt', { log, metrics }) };
  if (stt === 'pocketsphinx') return pocketsphinxStt(around);
  if (stt === 'elevenlabs') {
    const { elevenLabsStt } = await import('./stt/elevenlabs.ts');
    return elevenLabsStt({ ...around, ...elevenlabs, model: elevenlabs.sttModel });
  }
  const { openAiStt } = await import('./stt/openai.ts');
  return openAiStt({ ...around, ...openai, model: openai.sttModel });
}

/** What is configured is until the first of the answer, a second try included. */
const patienceOf = (configured: number, whole: number): Patience => {
  const once = Math.ceil(configured / 2);
  return { first: once, between: once, whole: Math.max(configured, whole) };
};

/** Each failed attempt is counted and logged; what the listener hears of it is the turn's. */
const counted =
  (provider: string, part: 'llm' | 'tts' | 'stt', { log, metrics }: Pick<Around, 'log' | 'metrics'>) =>
  (kind: FailureKind): void => {
    metrics.providerErrors.inc({ provider, kind });
    log.warn({ provider, part, kind }, 'a provider failed');
  };

const FACES = {
  pattern: 'the test card',
  remote: 'a face drawn by a graphics card',
  portrait: 'a face drawn on the processor',
} as const;
const VOICES = { flite: 'the built-in flite voice', openai: 'a voice of OpenAI', elevenlabs: 'a voice of ElevenLabs' } as const;

/** One spoken sentence on what is configured, for the demo model. */
const describe = ({ renderer, tts }: Config): string =>
  `Right now I use the built-in demo answers, ${VOICES[tts]}, and ${FACES[renderer]}.`;
