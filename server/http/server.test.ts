import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { createLog } from '#base/log.ts';
import { bearer, silentHttp, type SilentHttp } from './http.fixture.ts';
import { listen } from './server.ts';

const open: SilentHttp[] = [];
afterEach(async () => {
  for (const http of open.splice(0)) await http.close();
});
const start: typeof silentHttp = async (options) => {
  const http = await silentHttp(options);
  open.push(http);
  return http;
};

test('a session from start to end', async () => {
  const { app, create, tokens } = await start();
  const { id, token, urls } = await create();
  expect(await tokens.verify(token)).toEqual({ role: 'host', sessionId: id });
  expect(urls).toEqual({
    page: `http://localhost:80/?session=${id}&token=${token}`,
    signalling: 'http://localhost:80',
    whep: `http://localhost:80/v1/sessions/${id}/whep`,
    hls: `http://localhost:80/hls/${id}/index.m3u8?token=${token}`,
  });
  const headers = bearer(token);
  const at = `/v1/sessions/${id}`;
  const asked = await app.inject({ method: 'POST', url: `${at}/prompts`, headers, payload: { text: 'hi you', mode: 'say' } });
  expect(asked.statusCode).toBe(202);
  await expect
    .poll(async () => (await app.inject({ url: `${at}/transcript`, headers })).json<{ turns: unknown[] }>().turns)
    .toMatchObject([
      { ...asked.json<{ utteranceId: string }>(), mode: 'say', prompt: 'hi you', spoken: 'hi you', state: 'done' },
    ]);
  const lines = await app.inject({ url: `${at}/transcript?format=txt`, headers });
  expect(lines.headers['content-type']).toMatch(/^text\/plain/);
  expect(lines.body).toMatch(/You \(to be said\): hi you\n.*: hi you\n$/);
  expect((await app.inject({ url: `${at}/transcript?format=vtt`, headers })).body).toMatch(/^WEBVTT\n\n00:00:00/);
  expect((await app.inject({ url: `${at}/transcript?format=pdf`, headers })).statusCode).toBe(400);
  expect((await app.inject({ url: at, headers })).json()).toMatchObject({
    id,
    avatar: 'default',
    state: 'idle',
    viewers: { webrtc: 0 },
  });
  expect((await app.inject({ url: `${at}/stage`, headers })).json()).toMatchObject({ fps: 25, state: 'idle', frame: 6 });
  expect((await app.inject({ method: 'POST', url: `${at}/interrupt`, headers })).statusCode).toBe(202);
  const ended = await app.inject({ method: 'DELETE', url: at, headers });
  expect([ended.statusCode, ended.body]).toEqual([204, '']);
  const gone = await app.inject({ url: at, headers });
  expect([gone.statusCode, gone.json<unknown>()]).toMatchObject([410, { error: { code: 'session_closed' } }]);
});

test('roles: a viewer watches, a host talks, a server may do everything; another session’s token is forbidden', async () => {
  const { app, create, tokens } = await start();
  const [mine, other] = [await create(), await create()];
  const minted = await app.inject({
    method: 'POST',
    url: `/v1/sessions/${mine.id}/tokens`,
    headers: bearer(mine.token),
    payload: { role: 'viewer' },
  });
  expect(minted.statusCode).toBe(201);
  const viewer = minted.json<{ token: string }>().token;
  const server = await tokens.issue({ role: 'server' });
  const at = `/v1/sessions/${mine.id}`;
  const calls = [
    { method: 'GET', url: at, viewer: 200 },
    { method: 'GET', url: `${at}/stage`, viewer: 200 },
    { method: 'GET', url: `${at}/transcript`, viewer: 200 },
    { method: 'GET', url: `/hls/${mine.id}/index.m3u8`, viewer: 200 },
    { method: 'POST', url: `${at}/prompts`, payload: { text: 'x' }, viewer: 403 },
    { method: 'POST', url: `${at}/interrupt`, viewer: 403 },
    { method: 'POST', url: `${at}/tokens`, payload: { role: 'host' }, viewer: 403 },
    { method: 'DELETE', url: at, viewer: 403 },
  ] as const;
  for (const { viewer: expected, ...call } of calls) {
    expect((await app.inject({ ...call, headers: bearer(viewer) })).statusCode, call.url).toBe(expected);
    expect((await app.inject({ ...call, headers: bearer(other.token) })).statusCode, call.url).toBe(403);
    expect((await app.inject(call)).statusCode, call.url).toBe(401);
    expect((await app.inject({ ...call, headers: bearer('no.such.token') })).statusCode, call.url).toBe(401);
    expect((await app.inject({ ...call, headers: bearer(server) })).statusCode, call.url).toBeLessThan(300);
  }
});

test('bad tokens are refused everywhere, also where none is needed', async () => {
  const { app } = await start();
  for (const authorization of ['Bearer a.b.c', 'Bearer', 'Basic dTpw', '']) {
    const created = await app.inject({ method: 'POST', url: '/v1/sessions', payload: {}, headers: { authorization } });
    expect([created.statusCode, created.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    expect((await app.inject({ url: '/v1/avatars', headers: { authorization } })).statusCode).toBe(401);
  }
  expect((await app.inject({ url: '/v1/avatars' })).json()).toMatchObject({ avatars: [{ id: 'av_default' }] });
});

test('with AUTH_SECRET only a server may create', async () => {
  const { app, create, tokens } = await start({ secret: 'sixteen characters at least' });
  const { token } = await create();
  const post = { method: 'POST', url: '/v1/sessions', payload: {} } as const;
  expect((await app.inject(post)).statusCode).toBe(401);
  expect((await app.inject({ ...post, headers: bearer(token) })).statusCode).toBe(403);
  expect((await app.inject({ ...post, headers: bearer(await tokens.issue({ role: 'server' }, -1_000)) })).json()).toMatchObject({
    error: { code: 'unauthorized', message: expect.stringContaining('expired') as string },
  });
});

test('without it only this machine may: no other address, no proxy, no foreign page, no foreign name for loopback', async () => {
  const { app } = await start();
  const post = { method: 'POST', url: '/v1/sessions', payload: {} } as const;
  expect((await app.inject({ ...post, remoteAddress: '192.0.2.1' })).statusCode).toBe(403);
  expect((await app.inject({ ...post, headers: { 'x-forwarded-for': '192.0.2.1' } })).statusCode).toBe(403);
  expect((await app.inject({ ...post, headers: { origin: 'https://evil.example' } })).statusCode).toBe(403);
  expect((await app.inject({ ...post, headers: { host: 'evil.example', origin: 'http://evil.example' } })).statusCode).toBe(403);
  const own = { host: 'localhost:3000', origin: 'http://localhost:3000' };
  expect((await app.inject({ ...post, headers: own })).statusCode).toBe(201);
});

test('unknown sessions are not found, whatever their id looks like', async () => {
  const { app, create } = await start();
  const { token } = await create();
  for (const id of ['abcdefghij', 'x', '%00', '..%2f..', 'é'.repeat(20)]) {
    const answer = await app.inject({ url: `/v1/sessions/${encodeURI(id).replaceAll('%25', '%')}`, headers: bearer(token) });
    expect([answer.statusCode, answer.json<{ error: { code: string } }>().error.code]).toEqual([404, 'session_not_found']);
  }
});

test('what is not a prompt: empty, too long, broken Unicode, not UTF-8, not JSON, not an object, 100 kB', async () => {
  const { app, create, parts } = await start();
  const { id, token } = await create();
  const send = async (payload: string | Buffer, type = 'application/json') => {
    const headers = { ...bearer(token), 'content-type': type };
    const answer = await app.inject({ method: 'POST', url: `/v1/sessions/${id}/prompts`, headers, payload });
    const { error } = answer.json<{ error: { code: string; message: string; details?: unknown } }>();
    return { status: answer.statusCode, ...error };
  };
  expect(await send('{"text":""}')).toMatchObject({ status: 400, code: 'bad_request', message: 'text: must not be empty' });
  expect(await send('{"text":"  \\n "}')).toMatchObject({ status: 400, message: 'text: must not be empty' });
  expect(await send('{}')).toMatchObject({
    status: 400,
    code: 'bad_request',
    message: expect.stringMatching(/^text: /) as string,
  });
  expect(await send(JSON.stringify({ text: 'a'.repeat(8_001) }))).toMatchObject({
    status: 400,
    message: 'text: must have at most 8000 characters',
  });
  expect(await send('{"text":"\\ud800"}')).toMatchObject({ status: 400, message: 'text: must be well-formed Unicode' });
  expect(await send('{"text":"a","extra":1}')).toMatchObject({ status: 400, code: 'bad_request' });
  expect(await send('{"text":"a","mode":"shout"}')).toMatchObject({
    status: 400,
    message: expect.stringMatching(/^mode: /) as string,
  });
  expect(await send(Buffer.from([0x7b, 0x22, 0x74, 0xff, 0xfe]))).toMatchObject({
    status: 400,
    message: 'The body is not valid UTF-8.',
  });
  expect(await send('{"text"')).toMatchObject({ status: 400, message: 'The body is not valid JSON.' });
  expect(await send('{"__proto__":{"x":1},"text":"a"}')).toMatchObject({ status: 400, code: 'bad_request' });
  expect(await send('[]')).toMatchObject({ status: 400, code: 'bad_request' });
  expect(await send('')).toMatchObject({ status: 400, code: 'bad_request' });
  expect(await send(JSON.stringify({ text: 'a'.repeat(100_000) }))).toMatchObject({
    status: 413,
    code: 'payload_too_large',
    message: 'The body may have at most 65536 bytes.',
  });
  expect(await send('text=a', 'application/x-www-form-urlencoded')).toMatchObject({
    status: 415,
    code: 'unsupported_media_type',
  });
  expect(await send('v=0', 'application/sdp')).toMatchObject({
    status: 415,
    message: 'The Content-Type must be application/json.',
  });
  expect(parts[0]?.talk.prompts).toEqual([]);
});

test('a prompt goes on with the trace it comes from, and gives the trace of its turn', async () => {
  const { app, create } = await start();
  const { id, token } = await create();
  const prompt = (headers: Record<string, string>) =>
    app.inject({
      method: 'POST',
      url: `/v1/sessions/${id}/prompts`,
      headers: { ...bearer(token), ...headers },
      payload: { text: 'x' },
    });
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const given = await prompt({ traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
  expect(given.json()).toMatchObject({ traceId });
  expect(given.headers['traceparent']).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
  for (const headers of [{}, { traceparent: 'garbage' }]) {
    const fresh = (await prompt(headers)).json<{ traceId: string }>();
    expect(fresh.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(fresh.traceId).not.toBe(traceId);
  }
});

test('prompts faster than speech: up to eight wait, the next is told so, none of the accepted is lost', async () => {
  const { app, create } = await start({ msPerFrame: 15 });
  const { id, token } = await create();
  const ask = (text: string) =>
    app.inject({ method: 'POST', url: `/v1/sessions/${id}/prompts`, headers: bearer(token), payload: { text, mode: 'say' } });
  const answers = [];
  for (let n = 0; n < 12; n += 1) answers.push(await ask(`w${n}`));
  const accepted = answers.filter(({ statusCode }) => statusCode === 202);
  const refused = answers.filter(({ statusCode }) => statusCode === 429);
  expect(accepted.length + refused.length).toBe(12);
  expect(accepted.length).toBeGreaterThanOrEqual(9);
  expect(refused[0]?.json()).toMatchObject({
    error: { code: 'too_many_prompts', message: expect.stringContaining('8') as string },
  });
  const turns = async () =>
    (await app.inject({ url: `/v1/sessions/${id}/transcript`, headers: bearer(token) })).json<{
      turns: Record<string, string>[];
    }>().turns;
  await expect.poll(async () => (await turns()).every(({ state }) => state === 'done'), { timeout: 20_000 }).toBe(true);
  expect((await turns()).map(({ utteranceId, spoken, prompt }) => [utteranceId, spoken === prompt])).toEqual(
    accepted.map((answer) => [answer.json<{ utteranceId: string }>().utteranceId, true]),
  );
});

test('caps and rates are clear errors', async () => {
  const capped = await start({ maxSessions: 1 });
  await capped.create();
  const full = await capped.app.inject({ method: 'POST', url: '/v1/sessions', payload: {} });
  expect([full.statusCode, full.json<unknown>()]).toMatchObject([429, { error: { code: 'too_many_sessions' } }]);
  const limited = await start({ rate: 1 });
  await limited.create();
  const slow = await limited.app.inject({ method: 'POST', url: '/v1/sessions', payload: {} });
  expect([slow.statusCode, slow.json<unknown>()]).toMatchObject([429, { error: { code: 'rate_limited' } }]);
  expect(Number(slow.headers['retry-after'])).toBeGreaterThan(0);
});

test('health, readiness, metrics and documents', async () => {
  const missing: string[] = ['no media worker'];
  const { app } = await start({ ready: () => missing });
  expect((await app.inject({ url: '/healthz' })).json()).toEqual({ status: 'ok' });
  const waiting = await app.inject({ url: '/readyz' });
  expect([waiting.statusCode, waiting.json<unknown>()]).toMatchObject([
    503,
    { error: { code: 'not_ready', details: { missing } } },
  ]);
  missing.pop();
  expect((await app.inject({ url: '/readyz' })).statusCode).toBe(200);
  const metrics = await app.inject({ url: '/metrics' });
  expect(metrics.headers['content-type']).toMatch(/^text\/plain/);
  expect(metrics.body).toMatch(/http_request_ms_count\{method="GET",route="\/healthz",status="200"\} 1/);
  const document = (await app.inject({ url: '/openapi.json' })).json<{
    paths: Record<string, unknown>;
    components: { schemas: object };
  }>();
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(['/v1/sessions', '/v1/sessions/{id}/whep', '/hls/{id}/index.m3u8']),
  );
  expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(['CreateSession', 'Turn', 'Error']));
  expect((await app.inject({ url: '/docs/' })).statusCode).toBe(200);
});

test('every answer carries its trace id, the log has it too, and no log line has a token', async () => {
  const lines: string[] = [];
  const { app, create } = await start({ log: createLog('debug', { write: (line) => lines.push(line) }) });
  const { id, token, urls } = await create();
  const traced = await app.inject({ url: `/v1/sessions/${id}`, headers: { ...bearer(token), 'x-request-id': 'trace-12345' } });
  expect(traced.headers['x-request-id']).toBe('trace-12345');
  const injected = await app.inject({ url: urls.hls, headers: { 'x-request-id': 'a b\nc' } });
  expect(injected.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  await expect.poll(() => lines.some((line) => line.includes('"traceId":"trace-12345"') && line.includes(id))).toBe(true);
  expect(lines.join('')).not.toContain(token);
});

test('over a real socket: bytes that are not HTTP, a broken escape, and a port that is taken', async () => {
  const { app } = await start();
  const port = await listen(app, { host: '127.0.0.1', port: 0 });
  const raw = async (bytes: string) => {
    const socket = connect(port, '127.0.0.1');
    socket.end(bytes);
    return text(socket);
  };
  expect(await raw('\x16\x03\x01 hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400[^]*"code":"bad_request"/);
  expect(await raw(`GET /${'a'.repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431[^]*"code":"bad_request"/);
  expect(await raw('GET /v1/sessions/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 400[^]*"code":"bad_request"/,
  );
  const second = await start();
  await expect(listen(second.app, { host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining(`PORT ${port} on 127.0.0.1 is in use`) as string,
  });
});
