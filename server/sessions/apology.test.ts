import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { Journal } from './journal.ts';
import { MemoryHistory } from './memory-history.ts';
import type { SessionEvent } from './session-events.ts';
import { Session } from './session.ts';
import { silentParts } from './silent.fixture.ts';

/** ms that a word takes: 3 frames of 40 ms. */
const WORD = 120;

async function open(...sorry: string[]) {
  const clock = new VirtualClock();
  const parts = silentParts(clock, 40);
  parts.talk.sorry = sorry;
  const metrics = createMetrics();
  const journal = new Journal({ history: new MemoryHistory(), clock, log: silentLog, metrics });
  const kept = { id: 'session-1', request: {}, createdAt: clock.wall() };
  await journal.begin(kept);
  const session = Session.open({ kept, stored: true, parts, journal, idleTimeout: 600_000, clock, log: silentLog, metrics });
  const events: SessionEvent[] = [];
  session.on('event', (event) => events.push(event));
  const pass = async (ms: number): Promise<void> => {
    await clock.advance(0);
    await clock.advance(ms);
  };
  const say = (text: string) => session.prompt({ text, mode: 'say' });
  const told = (): string[] => events.map(({ name, payload }) => (name === 'state' ? payload.state : name));
  return { session, pass, say, told, events };
}

test('a provider that fails in mid-answer: said at once, apologised for in the same turn, then degraded; the turn is failed', async () => {
  const { session, pass, say, told, events } = await open('so sorry', 'twice');
  await say('good FAIL');
  await pass(6 * WORD);
  expect(told()).toEqual(['thinking', 'speaking', 'caption', 'error', 'speaking', 'caption', 'caption', 'degraded', 'turn']);
  const reason = 'The voice provider failed.';
  expect(session.transcript()).toMatchObject([{ spoken: 'good so sorry', state: 'failed', reason }]);
  expect(session.state).toMatchObject({ state: 'degraded', reason });
  const captions = events.flatMap(({ name, payload }) => (name === 'caption' ? [payload.clause] : []));
  expect(captions).toEqual([0, 1, 2]);
});

test('the next voice is tried only when nothing was heard of the one before', async () => {
  const { session, pass, say } = await open('FAIL', 'other voice', 'never');
  await say('FAIL');
  await pass(6 * WORD);
  expect(session.transcript()).toMatchObject([{ spoken: 'other voice', state: 'failed' }]);
  const half = await open('half FAIL', 'never');
  await half.say('FAIL');
  await half.pass(6 * WORD);
  expect(half.session.transcript()).toMatchObject([{ spoken: 'half', state: 'failed' }]);
});

test('an apology can be interrupted, and what waits is answered after one', async () => {
  const { session, pass, say } = await open('one two three', 'never');
  await say('FAIL');
  await pass(1.5 * WORD);
  session.interrupt();
  await pass(WORD);
  expect(session.transcript()).toMatchObject([{ spoken: 'one two…', state: 'failed' }]);
  await say('FAIL');
  await say('fine');
  await pass(8 * WORD);
  expect(session.transcript().map(({ spoken }) => spoken)).toEqual(['one two…', 'one two three', 'fine']);
});

test('a session that ends does not wait for an apology', async () => {
  const { session, pass, say } = await open('one two three four five');
  await say('FAIL');
  await pass(1.5 * WORD);
  const closing = session.close('enough');
  await pass(WORD);
  await closing;
  expect(session.transcript()).toMatchObject([{ spoken: 'one two…', state: 'failed' }]);
});
