import type { Config } from '#server/config.ts';
import { absent, ok, type Finding } from './findings.ts';

/** Nobody waits longer for an answer, ms. */
const PATIENCE = 5_000;

interface Question {
  readonly name: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly key: string;
  readonly address: string;
}

/** Whether the chosen model, voice and recogniser can be reached, and take the key. Nothing is spoken, so nothing is charged. */
export async function providers(config: Config): Promise<Finding[]> {
  const { llm, tts, stt, openai, elevenlabs } = config;
  const questions: Question[] = [];
  if ([llm, tts, stt].includes('openai'))
    questions.push({
      name: 'openai',
      url: `${openai.baseUrl ?? 'https://api.openai.com/v1'}/models`,
      headers: openai.apiKey === undefined ? {} : { authorization: `Bearer ${openai.apiKey}` },
      key: 'OPENAI_API_KEY',
      address: 'OPENAI_BASE_URL',
    });
  if (tts === 'elevenlabs' || stt === 'elevenlabs')
    questions.push({
      name: 'elevenlabs',
      url: `${elevenlabs.baseUrl ?? 'https://api.elevenlabs.io'}/v1/${tts === 'elevenlabs' ? `voices/${elevenlabs.voiceId}` : 'models'}`,
      headers: { 'xi-api-key': elevenlabs.apiKey ?? '' },
      key: 'ELEVENLABS_API_KEY',
      address: 'ELEVENLABS_BASE_URL',
    });
  return Promise.all(questions.map(ask));
}

async function ask({ name, url, headers, key, address }: Question): Promise<Finding> {
  const host = new URL(url).host;
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(PATIENCE) });
    await response.body?.cancel();
    if (response.ok) return ok(name, `${host} answers`);
    if (response.status === 401 || response.status === 403)
      return absent(name, `${host} refuses the key (${response.status})`, `check ${key}, and what it may be used for`);
    return absent(name, `${host} answers ${response.status}`, `check ${address}, and the models and voices that are set`);
  } catch {
    return absent(name, `${host} can not be reached`, `check ${address} and the network, or unset ${key}`);
  }
}
