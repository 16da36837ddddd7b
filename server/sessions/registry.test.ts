import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { silentLog } from '#base/log.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { MemoryHistory } from './memory-history.ts';
import { SessionRegistry, type RegistryOptions } from './registry.ts';
import { silentParts, type SilentParts } from './silent.fixture.ts';

async function open(options: Partial<RegistryOptions> = {}) {
  const clock = new VirtualClock();
  const opened: SilentParts[] = [];
  const registry = await SessionRegistry.open({
    open: async () => {
      const parts = silentParts(clock, 40);
      opened.push(parts);
      return parts;
    },
    maxSessions: 3,
    idleTimeout: 60_000,
    retention: 60_000,
    history: new MemoryHistory(),
    clock,
    log: silentLog,
    metrics: createMetrics(),
    ...options,
  });
  return { registry, clock, opened };
}

test('sessions are found by id; unknown ones and ended ones are told apart', async () => {
  const { registry } = await open();
  const session = await registry.create({});
  expect(await registry.get(session.id)).toBe(session);
  await expect(registry.get('never-was-one')).rejects.toEqual(
    expect.objectContaining({ code: 'session_not_found', status: 404 }),
  );
  await session.close('ended');
  await expect(registry.get(session.id)).rejects.toEqual(expect.objectContaining({ code: 'session_closed', status: 410 }));
  expect(registry.size).toBe(0);
});

test('the cap counts sessions that are being opened too', async () => {
  const { registry } = await open();
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => registry.create({})));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as AvatarError] : []));
  expect(refused.map(({ code }) => code)).toEqual(['too_many_sessions', 'too_many_sessions']);
  expect(refused[0]?.message).toContain('3');
});

test('a session whose parts do not open takes no place', async () => {
  const { registry } = await open({ open: () => Promise.reject(new AvatarError('avatar_not_found', 'no such avatar')) });
  for (let n = 0; n < 5; n += 1) await expect(registry.create({})).rejects.toMatchObject({ code: 'avatar_not_found' });
});

test('idle sessions are closed, attended ones stay', async () => {
  const { registry, clock, opened } = await open();
  const lonely = await registry.create({});
  const attended = await registry.create({});
  attended.enter();
  await clock.advance(62_000);
  await expect(registry.get(lonely.id)).rejects.toThrow(/over/);
  expect(opened[0]?.closed).toEqual(['idle']);
  expect(await registry.get(attended.id)).toBe(attended);
});

test('closing ends the clause on air, closes every session, and takes no more', async () => {
  const { registry, clock, opened } = await open();
  const spoken: string[] = [];
  const session = await registry.create({});
  session.on('event', (event) => event.name === 'turn' && spoken.push(event.payload.spoken));
  await registry.create({});
  await session.prompt({ text: 'one two three', mode: 'say' });
  await clock.advance(50);
  const closed = registry.close('stop');
  await expect(registry.create({})).rejects.toMatchObject({ code: 'not_ready' });
  await clock.advance(200);
  await closed;
  expect(spoken).toEqual(['one']);
  expect(opened.map((parts) => parts.closed)).toEqual([['stop'], ['stop']]);
  // Neither gone nor over: whoever asks is to come again.
  await expect(registry.get(session.id)).rejects.toMatchObject({ code: 'not_ready' });
});

test('a session that opens while the server stops is closed again', async () => {
  const parts = silentParts();
  const { registry } = await open({ open: async () => (await new Promise((resolve) => setTimeout(resolve, 20)), parts) });
  const opening = registry.create({});
  await registry.close('stop');
  await expect(opening).rejects.toMatchObject({ code: 'not_ready' });
  expect(parts.closed).toHaveLength(1);
});
