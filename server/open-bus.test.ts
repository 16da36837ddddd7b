import { expect, it } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { countWaiting, openBus } from './open-bus.ts';
import { createMetrics } from './telemetry/metrics.ts';

const around = () => ({ clock: systemClock, log: silentLog, metrics: createMetrics() });

it('is of this process where no Redis is named, and publishes how much waits as long as that is asked for', async () => {
  const { metrics, ...rest } = around();
  const bus = await openBus(undefined, { ...rest, metrics });
  expect(bus.name).toBe('memory');
  const depth = async (): Promise<string | undefined> => /^render_queue_depth (.*)$/m.exec(await metrics.registry.metrics())?.[1];
  expect(await depth()).toBe('0');
  const stop = countWaiting(bus, 'engine', metrics);
  for (const id of ['a', 'b']) await bus.put('engine', { id, traceId: '', body: {} });
  expect(await depth()).toBe('2');
  await bus.close('over');
  expect(await depth()).toBe('Nan');
  stop();
  expect(await depth()).toBe('0');
});

it('starts without its Redis, says that it is away, and counts what was asked in vain', async () => {
  const { metrics, ...rest } = around();
  const bus = await openBus('redis://127.0.0.1:1', { ...rest, metrics });
  expect([bus.name, bus.reachable]).toEqual(['redis', false]);
  expect(await metrics.registry.metrics()).toContain('bus_call_ms_count{call="answer",outcome="unreachable"} 1');
  await bus.close('over');
});
