import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Socket } from 'socket.io-client';
import type { Ack, RequestName } from '#protocol/signalling.ts';
import type { Session } from '#server/sessions/session.ts';
import fc from 'fast-check';
import { silentSignalling } from './signalling.fixture.ts';

type Signalling = Awaited<ReturnType<typeof silentSignalling>>;
const capabilities = { codecs: [{ mimeType: 'audio/opus', kind: 'audio', clockRate: 48_000 }] };
let signalling: Signalling;
let { client, tokens, parts, lines, metrics }: Signalling = {} as Signalling;
let session: Session;

beforeEach(async () => {
  signalling = await silentSignalling({
    config: { allowedOrigins: ['https://app.example'], maxViewers: 3 },
    rates: { prompt: 10_000 },
  });
  ({ client, tokens, parts, lines, metrics } = signalling);
  session = await signalling.sessions.create({});
});

afterEach(() => signalling.close());

type Heard = { name: string; payload: Record<string, unknown> };

async function connect(role: 'host' | 'viewer' = 'host', sessionId = session.id) {
  const socket = client({ token: await tokens.issue({ role, sessionId }) });
  const heard: Heard[] = [];
  socket.onAny((name: string, payload: Record<string, unknown>) => heard.push({ name, payload }));
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
  const ask = (event: RequestName | (string & {}), ...args: unknown[]) =>
    socket.timeout(10_000).emitWithAck(event, ...args) as Promise<Ack<Record<string, unknown>>>;
  return { socket, heard, ask };
}

const refused = async (auth: Record<string, unknown>, options = {}) =>
  new Promise<Error & { data?: unknown }>((resolve, reject) => {
    client(auth, options)
      .once('connect_error', resolve)
      .once('connect', () => reject(new Error('was let in')));
  });

test('join, connect, consume, resume, restart: each acknowledged, and the viewer is counted until it leaves', async () => {
  const { socket, heard, ask } = await connect('viewer');
  await expect.poll(() => heard[0]).toEqual({ name: 'state', payload: { state: 'listening' } });
  const fingerprints = [{ algorithm: 'sha-256', value: 'AB:CD' }];
  const connectTransport = { transportId: 'transport-1', dtlsParameters: { role: 'client', fingerprints } };
  expect(await ask('connect_transport', connectTransport)).toMatchObject({
    error: { code: 'conflict', message: 'Send join first.' },
  });
  expect(await ask('join', { rtpCapabilities: capabilities })).toMatchObject({
    ok: {
      sessionId: session.id,
      role: 'viewer',
      transport: { id: 'transport-1' },
      stage: { fps: 25, width: 512 },
      avatar: { id: 'default' },
    },
  });
  expect(await ask('connect_transport', connectTransport)).toEqual({ ok: {} });
  expect(await ask('consume', { transportId: 'transport-1', rtpCapabilities: capabilities })).toEqual({ ok: { consumers: [] } });
  expect(await ask('resume', { consumerIds: [] })).toEqual({ ok: {} });
  expect(await ask('restart_ice', { transportId: 'transport-1' })).toMatchObject({ ok: { iceParameters: {} } });
  expect(await ask('restart_ice', { transportId: 'transport-2' })).toMatchObject({ error: { code: 'not_found' } });
  expect(parts[0]?.counts.webrtc).toBe(1);
  await ask('join');
  expect(parts[0]?.counts.webrtc).toBe(1);
  expect(await ask('join', { receive: false })).toMatchObject({ ok: { role: 'viewer', stage: { fps: 25 } } });
  expect(parts[0]?.counts.webrtc).toBe(0);
  expect(await ask('resume', { consumerIds: [] })).toMatchObject({ error: { code: 'conflict' } });
  await ask('join', { receive: true });
  expect(parts[0]?.counts.webrtc).toBe(1);
  socket.disconnect();
  await expect.poll(() => parts[0]?.counts.webrtc).toBe(0);
  await expect.poll(() => session.state.state).toBe('idle');
});

test('a prompt is answered to everybody in the session: state, caption, turn', async () => {
  const host = await connect();
  const viewer = await connect('viewer');
  const ack = await host.ask('prompt', { text: 'hi there', mode: 'say' });
  const utteranceId = 'ok' in ack && ack.ok.utteranceId;
  for (const { heard } of [host, viewer]) {
    await expect
      .poll(() => heard.find(({ name }) => name === 'turn')?.payload)
      .toMatchObject({ utteranceId, spoken: 'hi there' });
    expect(heard.filter(({ name }) => name === 'caption').map(({ payload }) => payload.text)).toEqual(['hi', 'there']);
    expect(heard.filter(({ name }) => name === 'state').map(({ payload }) => payload.state)).toEqual([
      'listening',
      'thinking',
      'speaking',
      'listening',
    ]);
  }
  parts[0]?.hls.emit('segment', { sequence: 1, durationMs: 1_000, uri: 'segment_1.m4s' });
  await expect
    .poll(() => viewer.heard.at(-1))
    .toEqual({
      name: 'segment_published',
      payload: { sequence: 1, durationMs: 1_000, uri: 'segment_1.m4s' },
    });
});

test('a provider that fails is an error event', async () => {
  const { heard, ask } = await connect();
  await ask('prompt', { text: 'FAIL', mode: 'say' });
  await expect
    .poll(() => heard.find(({ name }) => name === 'error')?.payload)
    .toEqual({ code: 'provider_failed', message: 'The voice provider failed.' });
});

test('a viewer may watch, not talk', async () => {
  const { ask } = await connect('viewer');
  expect(await ask('prompt', { text: 'hi' })).toMatchObject({ error: { code: 'forbidden' } });
  expect(await ask('control', { action: 'end' })).toMatchObject({ error: { code: 'forbidden' } });
});

test('interrupt, mute with no microphone on, and end, which says so and disconnects', async () => {
  const { socket, heard, ask } = await connect();
  expect(await ask('control', { action: 'interrupt' })).toEqual({ ok: {} });
  expect(await ask('control', { action: 'mute' })).toEqual({ ok: {} });
  const disconnected = new Promise((resolve) => socket.once('disconnect', resolve));
  expect(await ask('control', { action: 'end' })).toEqual({ ok: {} });
  expect(await disconnected).toBe('io server disconnect');
  expect(heard.at(-1)).toEqual({ name: 'state', payload: { state: 'closed', reason: 'ended' } });
  const token = await tokens.issue({ role: 'host', sessionId: session.id });
  expect(await refused({ token })).toMatchObject({ data: { code: 'session_closed' } });
});

test('tokens: none, bad, expired, a server’s, of an unknown session, and one connection too many are refused with their code', async () => {
  const issue = (sessionId: string, ttl?: number) => tokens.issue({ role: 'host', sessionId }, ttl);
  expect(await refused({})).toMatchObject({ data: { code: 'unauthorized', message: expect.stringContaining('auth') as string } });
  expect(await refused({ token: 7 })).toMatchObject({ data: { code: 'unauthorized' } });
  expect(await refused({ token: 'a.b.c' })).toMatchObject({ data: { code: 'unauthorized' } });
  expect(await refused({ token: await issue(session.id, -1_000) })).toMatchObject({ data: { code: 'unauthorized' } });
  expect(await refused({ token: await tokens.issue({ role: 'server' }) })).toMatchObject({ data: { code: 'forbidden' } });
  expect(await refused({ token: await issue('never-was-one') })).toMatchObject({ data: { code: 'session_not_found' } });
  for (let n = 0; n < 3; n += 1) await connect();
  expect(await refused({ token: await issue(session.id) })).toMatchObject({ data: { code: 'too_many_viewers' } });
});

test('a page of another origin is refused, an allowed one and our own are not', async () => {
  const token = await tokens.issue({ role: 'host', sessionId: session.id });
  const from = (given: string) => ({ extraHeaders: { origin: given } });
  await refused({ token }, from('https://evil.example'));
  for (const given of ['https://app.example', signalling.url]) {
    const socket = client({ token }, from(given));
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
  }
});

test('what is not a request: unknown events, other shapes, binary, no acknowledgement', async () => {
  const { socket, heard, ask } = await connect();
  expect(await ask('sing', {})).toMatchObject({
    error: { code: 'bad_request', message: expect.stringContaining('known are join') as string },
  });
  expect(await ask('constructor', {})).toMatchObject({ error: { code: 'bad_request' } });
  expect(await ask('prompt', { text: '' })).toEqual({ error: { code: 'bad_request', message: 'text: must not be empty' } });
  expect(await ask('prompt', { text: 'x'.repeat(8_001) })).toMatchObject({ error: { code: 'bad_request' } });
  expect(await ask('prompt', 'hello')).toMatchObject({ error: { code: 'bad_request' } });
  expect(await ask('prompt', { text: 'a' }, { text: 'b' })).toMatchObject({ error: { code: 'bad_request' } });
  expect(await ask('prompt', Buffer.from('hello'))).toEqual({
    error: { code: 'bad_request', message: 'prompt takes no binary data.' },
  });
  expect(await ask('join', { rtpCapabilities: { ...capabilities, extra: [Buffer.alloc(9)] } })).toMatchObject({
    error: { code: 'bad_request' },
  });
  expect(await ask('connect_transport', { transportId: 't', dtlsParameters: { fingerprints: [] } })).toMatchObject({
    error: { code: 'bad_request', message: expect.stringContaining('fingerprint') as string },
  });
  socket.emit('nonsense');
  await expect.poll(() => heard.find(({ name }) => name === 'error')?.payload).toMatchObject({ code: 'bad_request' });
  socket.emit('prompt', { text: 'said without asking back', mode: 'say' });
  await expect
    .poll(() => heard.find(({ name }) => name === 'turn')?.payload)
    .toMatchObject({ spoken: 'said without asking back' });
});

test('a message of 1 MB ends its connection, and only that one', async () => {
  const [large, binary, bystander] = [await connect(), await connect(), await connect('viewer')];
  const ended = ({ socket }: { socket: Socket }) => new Promise((resolve) => socket.once('disconnect', resolve));
  const both = Promise.all([ended(large), ended(binary)]);
  large.socket.emit('prompt', { text: 'x'.repeat(1_000_000) });
  binary.socket.emit('prompt', Buffer.alloc(1_000_000));
  await both;
  expect(bystander.socket.connected).toBe(true);
  expect(await bystander.ask('client_stats', { stats: { rtt: 1 } })).toEqual({ ok: {} });
  await expect.poll(() => lines.filter((line) => line.includes('socket dropped')).length).toBe(2);
});

test('who receives over WebRTC has one vote on sound and picture, until it leaves; who does not has none', async () => {
  const sync = () => session.info().sync;
  const [viewer, other, hls] = [await connect('viewer'), await connect('viewer'), await connect('viewer')];
  await viewer.ask('join', { rtpCapabilities: capabilities });
  await other.ask('join', { rtpCapabilities: capabilities });
  await hls.ask('join', { receive: false });
  const report = (offsetMs: unknown, samples: unknown = 100) => ({ stats: {}, sync: { offsetMs, samples } });
  expect(await hls.ask('client_stats', report(500))).toEqual({ ok: {} });
  expect(sync()).toEqual({ leadMs: 50, viewers: 0 });
  for (const hostile of [report(1e9), report(-1_001), report(null), report('40'), report(40, 0), report(40, 1e9)])
    expect(await viewer.ask('client_stats', hostile)).toMatchObject({ error: { code: 'bad_request' } });
  expect(sync().viewers).toBe(0);
  for (const offsetMs of [900, 800, 12]) await viewer.ask('client_stats', report(offsetMs));
  await other.ask('client_stats', report(-2));
  expect(sync()).toEqual({ leadMs: 50, viewers: 2, offsetMs: -2, spreadMs: 14 });
  other.socket.disconnect();
  await expect.poll(sync).toEqual({ leadMs: 50, viewers: 1, offsetMs: 12, spreadMs: 0 });
  await viewer.ask('join', { receive: false });
  await expect.poll(sync).toEqual({ leadMs: 50, viewers: 0 });
});

test('client_log reaches the log with its session, and has a rate', async () => {
  const { ask } = await connect();
  expect(await ask('client_log', { level: 'warn', message: 'ice failed', data: { attempt: 2 } })).toEqual({ ok: {} });
  const line = JSON.parse(lines.find((text) => text.includes('ice failed')) ?? '{}') as unknown;
  expect(line).toMatchObject({ level: 40, sessionId: session.id, client: true, data: { attempt: 2 } });
  const answers = [];
  for (let n = 0; n < 150; n += 1) answers.push(await ask('client_log', { level: 'debug', message: 'again' }));
  expect(answers.at(-1)).toMatchObject({ error: { code: 'rate_limited' } });
  expect(await metrics.registry.metrics()).toMatch(/socket_event_ms_count\{event="client_log",outcome="rate_limited"\} \d/);
});

test('any event with anything: acknowledged with ok or a known error, and the connection stays', async () => {
  const { ask, socket } = await connect('viewer');
  const names = [
    'join',
    'connect_transport',
    'consume',
    'resume',
    'restart_ice',
    'show',
    'prompt',
    'control',
    'client_log',
    'client_stats',
    '__proto__',
    'toString',
  ];
  const event = fc.oneof(
    fc.constantFrom(...names),
    fc.string().filter((name) => !/^(connect|connect_error|disconnect|disconnecting|newListener|removeListener)$/.test(name)),
  );
  const shaped = fc.record(
    {
      transportId: fc.oneof(fc.constant('transport-1'), fc.jsonValue()),
      rtpCapabilities: fc.oneof(fc.constant(capabilities), fc.jsonValue()),
      dtlsParameters: fc.jsonValue(),
      consumerIds: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
      text: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
      stats: fc.oneof(fc.dictionary(fc.string(), fc.double()), fc.jsonValue()),
      level: fc.constantFrom('info', 'loud'),
      message: fc.string(),
      data: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const argument = fc.oneof(
    fc.jsonValue(),
    shaped,
    fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  );
  const codes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(event, fc.array(argument, { maxLength: 2 }), async (name, args) => {
      const ack = await ask(name, ...args);
      if ('error' in ack) codes.add(ack.error.code);
      expect('ok' in ack || ack.error.message.length > 0).toBe(true);
    }),
    { numRuns: 120 },
  );
  expect(codes).not.toContain('internal');
  expect(socket.connected).toBe(true);
  expect(lines.filter((line) => line.includes('event failed'))).toEqual([]);
});
