import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { silentLog } from '#base/log.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { MemoryHistory } from './memory-history.ts';
import { SessionRegistry } from './registry.ts';
import { silentParts } from './silent.fixture.ts';

test('an ffmpeg that fails again and again is told to all who listen, and the conversation goes on', async () => {
  const clock = new VirtualClock();
  const parts = silentParts(clock, 40);
  const registry = await SessionRegistry.open({
    open: async () => parts,
    maxSessions: 1,
    idleTimeout: 60_000,
    retention: 60_000,
    history: new MemoryHistory(),
    clock,
    log: silentLog,
    metrics: createMetrics(),
  });
  const session = await registry.create({});
  const errors: unknown[] = [];
  session.on('event', ({ name, payload }) => {
    if (name === 'error') errors.push(payload);
  });
  parts.hls.emit('trouble', new AvatarError('hls_unavailable', 'ffmpeg ended (3).'));
  expect(errors).toEqual([{ code: 'hls_unavailable', message: 'ffmpeg ended (3).' }]);
  expect(session.state.state).not.toBe('degraded');
});
