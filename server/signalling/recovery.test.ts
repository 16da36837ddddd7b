import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { io } from 'socket.io-client';
import { systemClock, VirtualClock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { silentLog } from '#base/log.ts';
import type { Ack } from '#protocol/signalling.ts';
import { createLimits } from '#server/auth/limits.ts';
import { Tokens } from '#server/auth/tokens.ts';
import { MemoryHistory } from '#server/sessions/memory-history.ts';
import { SessionRegistry } from '#server/sessions/registry.ts';
import { silentParts, type SilentParts } from '#server/sessions/silent.fixture.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { TcpProxy } from '#test/support/tcp-proxy.ts';
import { attachSignalling } from './gateway.ts';
import { RECOVERY_WINDOW } from './seat.ts';

/** A session with one client, whose connection leads through a network that can be broken. */
async function setUp() {
  const clock = new VirtualClock();
  const [metrics, parts] = [createMetrics(), [] as SilentParts[]];
  const tokens = await Tokens.open({ secret: 'sixteen characters', dataDir: '/nonexistent', ttl: 60_000, clock: systemClock });
  const registry = { maxSessions: 10, idleTimeout: 600_000, retention: 600_000, clock: systemClock, log: silentLog, metrics };
  const sessions = await SessionRegistry.open({
    ...registry,
    open: async () => {
      parts.push(silentParts());
      return parts.at(-1) as SilentParts;
    },
    history: new MemoryHistory(),
  });
  const session = await sessions.create({});
  const server = createServer();
  const limits = createLimits({ prompt: 10_000 }, metrics, clock);
  const config = { publicUrl: undefined, allowedOrigins: [], maxViewers: 2, maxConnections: 1_000, trustProxy: [] };
  const signalling = attachSignalling(server, { config, sessions, tokens, limits, metrics, clock, log: silentLog });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const network = await TcpProxy.open(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
  const token = await tokens.issue({ role: 'host', sessionId: session.id });
  const socket = io(network.url, { auth: { token }, forceNew: true, reconnection: false, transports: ['websocket'] });
  const heard: string[] = [];
  socket.onAny((_: string, payload: { message?: string }) => payload.message !== undefined && heard.push(payload.message));
  const ask = (event: string, body: object) => socket.timeout(5_000).emitWithAck(event, body) as Promise<Ack<object>>;
  const connected = () => new Promise<void>((resolve) => socket.once('connect', resolve));
  const say = (text: string) => session.warn(new AvatarError('internal', text));
  onTestFinished(async () => {
    socket.disconnect();
    await signalling.close('test finished');
    await sessions.close('test finished');
    await network.close();
    server.close();
  });
  await connected();
  await ask('join', {});
  const counts = () => parts[0]?.counts.webrtc;
  return { clock, session, sessions, socket, network, heard, ask, connected, say, counts };
}

const noticed = async ({ socket }: { socket: { connected: boolean } }) => expect.poll(() => socket.connected).toBe(false);

test('a client whose connection broke comes back as itself, has missed nothing, hears nothing twice, and keeps its viewer', async () => {
  const client = await setUp();
  const { socket, network, heard, ask, connected, say, counts } = client;
  for (let drop = 0; drop < 3; drop += 1) {
    say(`before ${String(drop)}`);
    await expect.poll(() => heard.at(-1)).toBe(`before ${String(drop)}`);
    network.cut();
    await noticed(client);
    for (const word of ['one', 'two']) say(`${word} ${String(drop)}`);
    socket.connect();
    await connected();
    expect(socket.recovered).toBe(true);
    say(`after ${String(drop)}`);
    await expect.poll(() => heard.slice(-4)).toEqual([`before ${drop}`, `one ${drop}`, `two ${drop}`, `after ${drop}`]);
    expect(await ask('resume', { consumerIds: [] })).toEqual({ ok: {} });
    expect(counts()).toBe(1);
  }
  expect(heard).toHaveLength(12);
});

test('also where its old connection still looks alive, and what was sent into that is not lost', async () => {
  const { socket, network, heard, connected, say, counts } = await setUp();
  network.strand();
  say('into the void');
  socket.io.engine.close();
  socket.connect();
  await connected();
  expect(socket.recovered).toBe(true);
  say('here');
  await expect.poll(() => heard).toEqual(['into the void', 'here']);
  expect(counts()).toBe(1);
});

test('one that is not back in time has left: its viewer goes, and it comes as a new one', async () => {
  const client = await setUp();
  const { clock, socket, network, ask, connected, counts } = client;
  network.cut();
  await noticed(client);
  await expect
    .poll(async () => {
      await clock.advance(RECOVERY_WINDOW - 1);
      return counts();
    })
    .toBe(0);
  socket.connect();
  await connected();
  expect(socket.recovered).toBe(false);
  expect(await ask('resume', { consumerIds: [] })).toMatchObject({ error: { code: 'conflict' } });
});

test('one that says goodbye has left at once', async () => {
  const { socket, counts } = await setUp();
  socket.disconnect();
  await expect.poll(counts).toBe(0);
});

test('the token and the session are asked for again', async () => {
  const client = await setUp();
  const { session, socket, network, counts } = client;
  const refused = () => new Promise<{ data?: unknown }>((resolve) => socket.once('connect_error', resolve));
  network.cut();
  await noticed(client);
  const { auth } = socket;
  socket.auth = { token: 'forged' };
  socket.connect();
  expect(await refused()).toMatchObject({ data: { code: 'unauthorized' } });
  expect(counts()).toBe(1);
  socket.auth = auth;
  await session.close('ended');
  expect(counts()).toBe(0);
  socket.connect();
  expect(await refused()).toMatchObject({ data: { code: 'session_closed' } });
});

test('more than is kept was missed: it comes as a new one', async () => {
  const client = await setUp();
  const { socket, network, connected, say } = client;
  network.cut();
  await noticed(client);
  for (let n = 0; n < 300; n += 1) say(String(n));
  socket.connect();
  await connected();
  expect(socket.recovered).toBe(false);
});
