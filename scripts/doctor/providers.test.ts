import { expect, it, onTestFinished } from 'vitest';
import { readConfig } from '#server/config.ts';
import { startWire, status, type Answer } from '#test/support/wire.ts';
import { providers } from './providers.ts';

async function examine(...answers: Answer[]) {
  const wire = await startWire(...answers);
  onTestFinished(() => wire.kill());
  const config = readConfig({
    OPENAI_API_KEY: 'planted-1',
    OPENAI_BASE_URL: `${wire.url}/v1`,
    ELEVENLABS_API_KEY: 'planted-2',
    ELEVENLABS_BASE_URL: wire.url,
  });
  const findings = await providers(config);
  expect(JSON.stringify(findings)).not.toContain('planted');
  return { wire, findings, config };
}

it('asks each chosen provider with its key, and nothing that costs', async () => {
  const { wire, findings } = await examine(status(200));
  expect(findings.map(({ name, state }) => [name, state])).toEqual([
    ['openai', 'ok'],
    ['elevenlabs', 'ok'],
  ]);
  expect(wire.asked.map(({ path }) => path).sort()).toEqual(['/v1/models', '/v1/voices/EXAVITQu4vr4xnSDxMaL']);
  expect(await providers(readConfig({}))).toEqual([]);
});

it('asks for a recogniser, too', async () => {
  const wire = await startWire(status(200));
  onTestFinished(() => wire.kill());
  const openai = { LLM: 'demo', TTS: 'flite', STT: 'openai', OPENAI_BASE_URL: `${wire.url}/v1` };
  const elevenlabs = { TTS: 'flite', ELEVENLABS_API_KEY: 'planted', ELEVENLABS_BASE_URL: wire.url };
  for (const env of [openai, elevenlabs]) await providers(readConfig(env));
  expect(wire.asked.map(({ path }) => path)).toEqual(['/v1/models', '/v1/models']);
});

it('names the setting that is wrong', async () => {
  const { findings } = await examine(status(401));
  expect(findings.map(({ state, fix }) => [state, fix])).toEqual([
    ['absent', 'check OPENAI_API_KEY, and what it may be used for'],
    ['absent', 'check ELEVENLABS_API_KEY, and what it may be used for'],
  ]);
  const odd = await examine(status(404));
  expect(odd.findings.map(({ state }) => state)).toEqual(['absent', 'absent']);
  await odd.wire.kill();
  expect((await providers(odd.config)).map(({ fix }) => fix)).toEqual([
    expect.stringContaining('OPENAI_BASE_URL'),
    expect.stringContaining('ELEVENLABS_BASE_URL'),
  ]);
});
