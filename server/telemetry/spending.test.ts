import { expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';
import { Spending, type Spent } from './spending.ts';

it('adds up what was used, and what that costs as far as prices are known', async () => {
  const metrics = createMetrics();
  const spending = new Spending({ llm: { input: 0.5, output: 2 }, tts: undefined, stt: 3.6 }, metrics);
  const spent: Spent = {};
  for (let n = 0; n < 2; n += 1) {
    spending.add({ part: 'llm', provider: 'openai', inputTokens: 1_000, outputTokens: 500 }, spent);
    spending.add({ part: 'tts', provider: 'elevenlabs', characters: 40 }, spent);
    spending.add({ part: 'stt', provider: 'pricey', seconds: 2.5 }, spent);
  }
  expect(spent).toEqual({ inputTokens: 2_000, outputTokens: 1_000, characters: 80, seconds: 5, usd: 0.008 });
  const published = await metrics.registry.metrics();
  expect(published).toContain('provider_usage_total{provider="openai",kind="input_tokens"} 2000');
  expect(published).toContain('provider_usage_total{provider="openai",kind="output_tokens"} 1000');
  expect(published).toContain('provider_usage_total{provider="elevenlabs",kind="characters"} 80');
  expect(published).toContain('provider_usage_total{provider="pricey",kind="seconds"} 5');
  expect(published).toContain('provider_cost_usd_total{provider="pricey"} 0.005');
  expect(published).toContain('provider_cost_usd_total{provider="openai"} 0.003');
  expect(published).not.toContain('provider_cost_usd_total{provider="elevenlabs"}');
});
