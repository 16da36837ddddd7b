import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { silentLog } from '#base/log.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { MemoryHistory } from './memory-history.ts';
import { SessionRegistry, type RegistryOptions } from './registry.ts';
import { silentParts } from './silent.fixture.ts';

/** A server over `history`; another one over the same is the server after a restart. */
async function start(history: MemoryHistory, options: Partial<RegistryOptions> = {}) {
  const clock = new VirtualClock();
  const opened: { id: string; ageMs: number }[] = [];
  const metrics = createMetrics();
  const registry = await SessionRegistry.open({
    open: async ({ id }, ageMs) => {
      opened.push({ id, ageMs });
      return silentParts(clock, 40);
    },
    maxSessions: 3,
    idleTimeout: 60_000,
    retention: 60_000,
    history,
    clock,
    log: silentLog,
    metrics,
    ...options,
  });
  const counted = async () => (await metrics.registry.getSingleMetricAsString('sessions')).match(/\} [1-9]\d*$/gm) ?? [];
  return { registry, clock, opened, counted };
}

test('a killed server comes back with its sessions; each opens when somebody comes, once, as old as it is, with what was said', async () => {
  const history = new MemoryHistory();
  const before = await start(history);
  const { id } = await before.registry.create({ greeting: 'hello', systemPrompt: 'be kind' });
  const session = await before.registry.get(id);
  session.audience();
  await before.clock.advance(500);
  const { utteranceId } = await session.prompt({ text: 'one two three', mode: 'say' });
  await before.clock.advance(0);
  await before.clock.advance(250);
  const after = await start(history);
  expect(after.registry.size).toBe(1);
  expect(await after.counted()).toEqual(['} 1']);
  expect(after.opened).toEqual([]);
  await after.clock.advance(7_000);
  const [back, same] = await Promise.all([after.registry.get(id), after.registry.get(id)]);
  expect(back).toBe(same);
  expect(after.opened).toEqual([{ id, ageMs: 7_000 }]);
  expect(await after.counted()).toEqual(['} 1']);
  expect(back.info()).toMatchObject({ id, createdAt: session.createdAt });
  await after.clock.advance(1_000);
  expect(back.transcript()).toMatchObject([
    { mode: 'greeting', spoken: 'hello', state: 'done' },
    { utteranceId, spoken: 'one two…', state: 'interrupted', reason: 'The server was restarted.' },
  ]);
});

test('a stopped server comes back too, and what waited is answered', async () => {
  const history = new MemoryHistory();
  const before = await start(history);
  const session = await before.registry.create({});
  await session.prompt({ text: 'one two three', mode: 'say' });
  await session.prompt({ text: 'and this', mode: 'say' });
  await before.clock.advance(0);
  await before.clock.advance(50);
  const closed = before.registry.close('SIGTERM');
  await before.clock.advance(500);
  await closed;
  const after = await start(history);
  const back = await after.registry.get(session.id);
  await after.clock.advance(0);
  await after.clock.advance(1_000);
  expect(back.transcript().map(({ spoken, state }) => [spoken, state])).toEqual([
    ['one', 'interrupted'],
    ['and this', 'done'],
  ]);
});

test('what was ended stays ended, also when it was asleep; a session nobody comes back to ends by itself', async () => {
  const history = new MemoryHistory();
  const before = await start(history);
  const [ended, forgotten, left] = [
    await before.registry.create({}),
    await before.registry.create({}),
    await before.registry.create({}),
  ];
  await before.registry.end(ended.id, 'ended');
  const after = await start(history);
  await expect(after.registry.get(ended.id)).rejects.toMatchObject({ code: 'session_closed' });
  await after.registry.end(left.id, 'ended');
  expect(() => after.registry.expect(left.id)).toThrow(/over/);
  after.registry.expect(forgotten.id);
  await after.clock.advance(61_000);
  expect(() => after.registry.expect(forgotten.id)).toThrow(/over/);
  expect(after.opened).toEqual([]);
  expect(await after.counted()).toEqual([]);
  const last = await start(history);
  expect(last.registry.size).toBe(0);
  expect(() => last.registry.expect(forgotten.id)).toThrow(expect.objectContaining({ code: 'session_closed' }));
});

test('sessions that sleep hold their places', async () => {
  const history = new MemoryHistory();
  const before = await start(history);
  for (let n = 0; n < 3; n += 1) await before.registry.create({});
  const after = await start(history);
  await expect(after.registry.create({})).rejects.toMatchObject({ code: 'too_many_sessions' });
});

test('a session that can not be opened now can be later', async () => {
  const history = new MemoryHistory();
  const { id } = await (await start(history)).registry.create({});
  let ready = false;
  const { registry } = await start(history, {
    open: async () => {
      if (!ready) throw new AvatarError('not_ready', 'No media worker is there.');
      return silentParts();
    },
  });
  await expect(registry.get(id)).rejects.toMatchObject({ code: 'not_ready' });
  ready = true;
  expect((await registry.get(id)).id).toBe(id);
});

test('ended sessions are forgotten when they are old enough, hour by hour', async () => {
  const history = new MemoryHistory();
  const { registry, clock } = await start(history);
  for (let n = 0; n < 3; n += 1) await registry.end((await registry.create({})).id, 'ended');
  await clock.advance(59 * 60_000);
  expect((await history.recover()).ended).toHaveLength(3);
  await clock.advance(2 * 60_000);
  expect((await history.recover()).ended).toEqual([]);
  await registry.close('stop');
});
