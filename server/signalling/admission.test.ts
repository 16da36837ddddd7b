import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT, UnsecuredJWT } from 'jose';
import type { Socket } from 'socket.io-client';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { REQUESTS, type Ack, type RequestName } from '#protocol/signalling.ts';
import { SECRET, silentSignalling } from './signalling.fixture.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});
const start: typeof silentSignalling = async (wishes) => {
  const signalling = await silentSignalling(wishes);
  open.push(signalling);
  return signalling;
};
const ask = (socket: Socket, event: string, body: unknown = {}) =>
  socket.timeout(10_000).emitWithAck(event, body) as Promise<Ack<Record<string, unknown>>>;
const codeOf = (ack: Ack<unknown>): string => ('error' in ack ? ack.error.code : 'ok');

test('every token that is none of the session’s, over WebSocket and polling: refused with its code, and the same for sessions there, over or unknown', async () => {
  const { enter, sessions, tokens } = await start();
  const [here, over] = [await sessions.create({}), await sessions.create({})];
  await over.close('ended');
  const sign = (payload: Record<string, unknown>, key = SECRET, expires = '1h') =>
    new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).setExpirationTime(expires).sign(new TextEncoder().encode(key));
  const cases: [unknown, string][] = [
    [undefined, 'unauthorized'],
    [7, 'unauthorized'],
    ['', 'unauthorized'],
    ['a.b.c', 'unauthorized'],
    [new UnsecuredJWT({ role: 'host', sub: here.id }).encode(), 'unauthorized'],
    [await tokens.issue({ role: 'server' }), 'forbidden'],
  ];
  for (const sub of [here.id, over.id, 'never-was-one']) {
    cases.push([await sign({ role: 'host', sub }, 'another secret of sixteen'), 'unauthorized']);
    cases.push([await sign({ role: 'host', sub }, SECRET, '-1s'), 'unauthorized']);
    cases.push([await sign({ role: 'root', sub }), 'unauthorized']);
  }
  cases.push([await sign({ role: 'host', sub: over.id }), 'session_closed']);
  cases.push([await sign({ role: 'host', sub: 'never-was-one' }), 'session_not_found']);
  for (const [token, code] of cases) {
    for (const transports of [['websocket'], ['polling']]) {
      const { refusal } = await enter({ token }, { transports });
      expect(refusal?.data?.code, String(token)).toBe(code);
    }
  }
  // A token in the address, where logs and referrers would have it, is not looked at.
  const { refusal } = await enter({}, { query: { token: await sign({ role: 'host', sub: here.id }) } });
  expect(refusal?.data?.code).toBe('unauthorized');
});

test('every event: a viewer may do what watching takes, nothing else', async () => {
  const { enter, sessions, tokens, parts } = await start();
  const session = await sessions.create({});
  const { socket } = await enter({ token: await tokens.issue({ role: 'viewer', sessionId: session.id }) });
  const bodies: Partial<Record<RequestName, unknown>> = {
    prompt: { text: 'hi', mode: 'say' },
    control: { action: 'end' },
    client_log: { level: 'info', message: 'x' },
    client_stats: { stats: {} },
  };
  const answers: Record<string, string> = {};
  for (const event of Object.keys(REQUESTS) as RequestName[]) answers[event] = codeOf(await ask(socket, event, bodies[event]));
  expect(answers).toMatchObject({ join: 'ok', client_log: 'ok', client_stats: 'ok', prompt: 'forbidden', control: 'forbidden' });
  const watching = ['join', 'connect_transport', 'consume', 'resume', 'restart_ice', 'client_log', 'client_stats'];
  for (const [event, code] of Object.entries(answers)) if (!watching.includes(event)) expect(code, event).toBe('forbidden');
  expect(parts[0]?.talk.prompts).toEqual([]);
  expect(sessions.size).toBe(1);
});

test('a hundred sockets at once: as many as there is room for; who leaves makes room, also one that never got in', async () => {
  const { enter, client, sessions, tokens } = await start({ config: { maxViewers: 5 } });
  const session = await sessions.create({});
  const token = await tokens.issue({ role: 'viewer', sessionId: session.id });
  const entered = await Promise.all(Array.from({ length: 100 }, () => enter({ token })));
  const inside = entered.filter(({ refusal }) => !refusal);
  expect(inside).toHaveLength(5);
  expect(session.listenerCount('event')).toBe(5);
  const refused = entered.flatMap(({ refusal }) => (refusal ? [refusal.data?.code] : []));
  expect(new Set(refused)).toEqual(new Set(['too_many_viewers']));
  for (const { socket } of inside) socket.disconnect();
  for (let n = 0; n < 20; n += 1) {
    const hasty = client({ token });
    hasty.io.engine?.once('open', () => setImmediate(() => hasty.disconnect()));
  }
  await sleep(200);
  // Who drops out keeps a place for a while, but never more of them than there are.
  expect(session.listenerCount('event')).toBeLessThanOrEqual(5);
  const again = await Promise.all(Array.from({ length: 5 }, () => enter({ token })));
  expect(again.map(({ refusal }) => refusal)).toEqual(Array(5).fill(undefined));
  expect(session.listenerCount('event')).toBe(5);
});

test('connections per address at once, with a token or without; clients behind a trusted proxy have each their own', async () => {
  const { enter, sessions, tokens, url } = await start({ config: { maxConnections: 2, trustProxy: ['127.0.0.0/8'] } });
  const session = await sessions.create({});
  const token = await tokens.issue({ role: 'viewer', sessionId: session.id });
  const from = (address: string) => enter({ token }, { extraHeaders: { 'x-forwarded-for': address } });
  const first = [await from('198.51.100.1'), await from('198.51.100.1')];
  expect(first.map(({ refusal }) => refusal)).toEqual([undefined, undefined]);
  expect((await from('198.51.100.1')).refusal).toBeDefined();
  const bare = await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers: { 'x-forwarded-for': '198.51.100.1' } });
  expect(bare.status).toBe(429);
  expect((await from('198.51.100.2')).refusal).toBeUndefined();
  first[0]?.socket.disconnect();
  await expect.poll(async () => (await from('198.51.100.1')).refusal).toBeUndefined();
});

test('rates: sockets and refused tokens per address, polling requests too, with the time to wait', async () => {
  const { enter, sessions, tokens, url, metrics } = await start({ rates: { connection: 4, auth_failure: 2 } });
  const session = await sessions.create({});
  const token = await tokens.issue({ role: 'viewer', sessionId: session.id });
  const codes = [];
  for (const given of ['a.b.c', 'a.b.d', 'a.b.e', token]) codes.push((await enter({ token: given })).refusal?.data?.code);
  expect(codes).toEqual(['unauthorized', 'unauthorized', 'rate_limited', undefined]);
  const { refusal } = await enter({ token });
  expect(refusal?.data).toMatchObject({ code: 'rate_limited', details: { retryAfterMs: expect.any(Number) as number } });
  expect(await metrics.registry.metrics()).toMatch(/rate_limited_total\{kind="connection"\} 1/);
  const busy = await start({ rates: { request: 2 } });
  const poll = () => fetch(`${busy.url}/socket.io/?EIO=4&transport=polling`);
  const answers = [await poll(), await poll(), await poll()];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(Number(answers[2]?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await answers[2]?.json()).toMatchObject({ error: { code: 'rate_limited' } });
  expect([...(answers[0]?.headers ?? [])]).toEqual(
    expect.arrayContaining([
      ['x-content-type-options', 'nosniff'],
      ['cache-control', 'no-store'],
    ]),
  );
  expect(url).not.toBe(busy.url);
});

test('joins and ICE restarts have a rate per socket', async () => {
  const { enter, sessions, tokens } = await start({ rates: { join: 3, ice_restart: 2 } });
  const session = await sessions.create({});
  const { socket } = await enter({ token: await tokens.issue({ role: 'viewer', sessionId: session.id }) });
  const joins = [];
  for (let n = 0; n < 4; n += 1) joins.push(codeOf(await ask(socket, 'join')));
  expect(joins).toEqual(['ok', 'ok', 'ok', 'rate_limited']);
  const restarts = [];
  for (let n = 0; n < 3; n += 1) restarts.push(codeOf(await ask(socket, 'restart_ice', { transportId: 'transport-1' })));
  expect(restarts).toEqual(['ok', 'ok', 'rate_limited']);
});

test('who sends events without end is told to slow down, then cut off; others are not concerned', async () => {
  const { enter, sessions, tokens, lines } = await start();
  const session = await sessions.create({});
  const token = await tokens.issue({ role: 'viewer', sessionId: session.id });
  const [{ socket: loud }, { socket: calm }] = [await enter({ token }), await enter({ token })];
  const cut = new Promise((resolve) => loud.once('disconnect', resolve));
  const codes: string[] = [];
  for (let n = 0; n < 400; n += 1) codes.push(codeOf(await ask(loud, 'client_stats', { stats: {} })));
  for (let n = 0; n < 3_000; n += 1) loud.emit('client_stats', { stats: {} }, (ack: Ack<unknown>) => codes.push(codeOf(ack)));
  await cut;
  expect(codes.filter((code) => code === 'ok').length).toBeLessThan(300);
  expect(codes).toContain('rate_limited');
  expect(lines.filter((line) => line.includes('cut off: too many events')).length).toBeGreaterThan(0);
  expect(await ask(calm, 'client_stats', { stats: {} })).toEqual({ ok: {} });
});

test('who never reads what it is told is cut off', async () => {
  const { sessions, tokens, port, lines } = await start();
  const session = await sessions.create({});
  const token = await tokens.issue({ role: 'viewer', sessionId: session.id });
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  socket.write(
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  await new Promise((resolve) => socket.once('data', resolve));
  socket.write(frame(`40${JSON.stringify({ token })}`));
  await expect.poll(() => session.listenerCount('event')).toBe(1);
  socket.pause();
  const event = { name: 'caption', payload: { utteranceId: 'x', clause: 0, text: 'y'.repeat(8_000), start: 0, end: 1 } } as const;
  let sent = 0;
  while (session.listenerCount('event') > 0 && sent < 20_000) {
    session.emit('event', event);
    sent += 1;
    if (sent % 20 === 0) await sleep(1);
  }
  expect(session.listenerCount('event')).toBe(0);
  expect(lines.filter((line) => line.includes('cut off: does not read'))).toHaveLength(1);
});

/** A masked WebSocket text frame (RFC 6455 §5.2), with a mask of zeros. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head = Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0]);
  return Buffer.concat([head, payload]);
}

test('pages elsewhere and foreign names for this machine open no socket, whichever way they try', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'admission-'));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  const { enter, sessions, tokens, url, port } = await start({
    guarded: false,
    dataDir,
    config: { allowedOrigins: ['https://app.example'] },
  });
  const session = await sessions.create({});
  const token = await tokens.issue({ role: 'host', sessionId: session.id });
  const tries: [Record<string, string>, boolean][] = [
    [{ origin: url }, true],
    [{ origin: 'https://app.example' }, true],
    [{ origin: 'https://evil.example' }, false],
    [{ origin: 'null' }, false],
    [{ origin: `http://127.0.0.1:${port + 1}` }, false],
  ];
  for (const [extraHeaders, may] of tries) {
    for (const transports of [['websocket'], ['polling']]) {
      const { refusal } = await enter({ token }, { extraHeaders, transports });
      expect(refusal === undefined, `${JSON.stringify(extraHeaders)} ${transports[0]}`).toBe(may);
    }
  }
  const rebound = { host: `evil.example:${port}`, origin: `http://evil.example:${port}` };
  expect((await enter({ token }, { extraHeaders: rebound })).refusal).toBeDefined();
  const polled = request({ port, path: '/socket.io/?EIO=4&transport=polling', headers: rebound }).end();
  const [answer] = (await once(polled, 'response')) as [IncomingMessage];
  expect(answer.resume().statusCode).toBe(403);
});
