import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { AT_REST } from '#base/expression.ts';
import { avatars } from '#server/avatars/catalogue.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { REST } from './mouth.ts';
import { Studio } from './studio.ts';

const orders = Array.from({ length: 25 }, (_, idleFrame) => ({ idleFrame, blend: AT_REST, mouth: REST }));
let studio: Studio;
beforeAll(() => {
  const start = { avatars: avatars(), size: { width: 128, height: 128 } };
  studio = new Studio({ start, clock: systemClock, log: silentLog, metrics: createMetrics() });
});
afterAll(() => studio.close());

test('what nobody wants any more is not drawn, neither the rest of what is being drawn nor what waits on the thread', async () => {
  const [mine, others] = [new AbortController(), new AbortController()];
  const first = await studio.draw('nora', orders, mine.signal);
  expect(first).toHaveLength(25);
  const asked = Array.from({ length: 20 }, () => studio.draw('nora', orders, mine.signal));
  const other = studio.draw('nora', orders, others.signal);
  await asked[0];
  mine.abort();
  const drawn = (await Promise.all(asked)).map((pictures) => pictures.length);
  // One may have been under way.
  expect(drawn.filter((count) => count === 25).length).toBeLessThan(15);
  expect(drawn.at(-1)).toBe(0);
  expect(await other).toHaveLength(25);
  expect(await studio.draw('nora', orders, AbortSignal.abort())).toHaveLength(0);
});
