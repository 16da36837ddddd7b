import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Ack } from '#protocol/signalling.ts';
import type { Session } from '#server/sessions/session.ts';
import { silentSignalling } from './signalling.fixture.ts';

let signalling: Awaited<ReturnType<typeof silentSignalling>>;
let session: Session;
beforeEach(async () => {
  signalling = await silentSignalling();
  session = await signalling.sessions.create({});
});
afterEach(() => signalling.close());

async function connect(role: 'host' | 'viewer') {
  const { socket } = await signalling.enter({ token: await signalling.tokens.issue({ role, sessionId: session.id }) });
  const looks: unknown[] = [];
  socket.on('look', (payload) => looks.push(payload));
  const ask = (event: string, body: object = {}) =>
    socket.timeout(10_000).emitWithAck(event, body) as Promise<Ack<Record<string, unknown>>>;
  return { socket, looks, ask };
}

test('the host’s client that shows something is asked for an image, and no other; not any more once it hides it or is gone', async () => {
  const [showing, other, viewer] = [await connect('host'), await connect('host'), await connect('viewer')];
  expect(await viewer.ask('show', { on: true })).toMatchObject({ error: { code: 'forbidden' } });
  expect(await showing.ask('join', { receive: false })).toMatchObject({ ok: { sees: true } });
  expect(await showing.ask('show', { on: true })).toEqual({ ok: {} });
  expect(await showing.ask('show', { on: true })).toEqual({ ok: {} });
  void session.sight.look();
  await expect.poll(() => showing.looks).toEqual([{ withinMs: 2_000 }]);
  // In order behind what was sent to them before.
  await Promise.all([other.ask('control', { action: 'interrupt' }), viewer.ask('join', { receive: false })]);
  expect([other.looks, viewer.looks]).toEqual([[], []]);
  await showing.ask('show', { on: false });
  expect(session.sight.look()).toBeUndefined();
  await showing.ask('show', { on: true });
  showing.socket.disconnect();
  await expect.poll(() => session.sight.look() === undefined).toBe(true);
});

test('where the model does not see, there is nothing to show', async () => {
  Object.assign(session.sight, { sees: false });
  const { ask } = await connect('host');
  expect(await ask('join', { receive: false })).toMatchObject({ ok: { sees: false } });
  expect(await ask('show', { on: true })).toMatchObject({
    error: { code: 'conflict', message: expect.stringContaining('LLM_VISION') as string },
  });
});
