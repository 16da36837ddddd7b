import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { Allowance } from './allowance.ts';
import { createLimits, LIMIT_KINDS } from './limits.ts';

test('the allowance is per kind and key; what exceeds it is refused, counted, and told when to come back', async () => {
  const metrics = createMetrics();
  const clock = new VirtualClock();
  const limits = createLimits({ create: 2, prompt: 1 }, metrics, clock);
  await limits.use('create', 'a');
  await limits.use('create', 'a');
  await limits.use('create', 'b');
  await limits.use('prompt', 'a');
  const refusal = await limits.use('create', 'a').catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'rate_limited', status: 429, message: /At most 2 of create in 60 s/ });
  const { retryAfterMs } = (refusal as { details: { retryAfterMs: number } }).details;
  const text = await metrics.registry.metrics();
  expect(text).toMatch(/rate_limited_total\{kind="create"\} 1/);
  for (const kind of LIMIT_KINDS.filter((kind) => kind !== 'create')) {
    expect(text).toMatch(new RegExp(`rate_limited_total\\{kind="${kind}"\\} 0`));
  }
  await clock.advance(retryAfterMs - 1);
  await expect(limits.use('create', 'a')).rejects.toMatchObject({ code: 'rate_limited' });
  await clock.advance(1);
  await limits.use('create', 'a');
});

test('whoever asks, and whenever: never more than the points at once plus what time has brought back', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.tuple(fc.nat({ max: 5_000 }), fc.nat({ max: 60 })), { maxLength: 30 }),
      async (points, bursts) => {
        const clock = new VirtualClock();
        const allowance = new Allowance(points, 10, clock);
        let taken = 0;
        for (const [pause, tries] of bursts) {
          clock.block(pause);
          for (let n = 0; n < tries; n += 1) if (allowance.take('a') === 0) taken += 1;
          expect(taken).toBeLessThanOrEqual(points + Math.ceil((clock.now() * points) / 10_000));
        }
      },
    ),
  );
});

test('a million different keys: what is remembered stays bounded, and who was known before keeps an allowance of its own', () => {
  const clock = new VirtualClock();
  const allowance = new Allowance(10, 60, clock, 100);
  allowance.take('known');
  for (let n = 0; n < 1_000_000; n += 1) allowance.take(`stranger ${n}`);
  expect(allowance.size).toBeLessThanOrEqual(101);
  expect(allowance.take('known')).toBe(0);
  expect(allowance.take('one more')).toBeGreaterThan(0);
  clock.block(61_000);
  expect(allowance.take('one more')).toBe(0);
  expect(allowance.size).toBe(1);
});
