import { expect, test } from 'vitest';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { createLimits } from './limits.ts';

test('the allowance is per kind and key; what exceeds it is refused, counted, and told when to come back', async () => {
  const metrics = createMetrics();
  const limits = createLimits({ create: 2, prompt: 1 }, metrics);
  await limits.use('create', 'a');
  await limits.use('create', 'a');
  await limits.use('create', 'b');
  await limits.use('prompt', 'a');
  const refusal = await limits.use('create', 'a').catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'rate_limited', status: 429, message: /At most 2 of create in 60 s/ });
  expect((refusal as { details: { retryAfterMs: number } }).details.retryAfterMs).toBeGreaterThan(0);
  expect(await metrics.registry.metrics()).toMatch(/rate_limited_total 1/);
});
