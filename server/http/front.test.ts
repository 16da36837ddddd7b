import { afterEach, describe, expect, test } from 'vitest';
import { bearer, silentHttp, type SilentHttp } from './http.fixture.ts';

const open: SilentHttp[] = [];
afterEach(async () => {
  for (const http of open.splice(0)) await http.close();
});
const start: typeof silentHttp = async (options) => {
  const http = await silentHttp(options);
  open.push(http);
  return http;
};

const SECRET = 'sixteen characters at least';
const APP = 'https://app.example';

describe('rates', () => {
  test('requests per address: IPv6 by /64; who exceeds them is told when to come back, others are not in their way', async () => {
    const { app } = await start({ secret: SECRET, rates: { request: 3 } });
    const from = (remoteAddress: string) => app.inject({ url: '/healthz', remoteAddress });
    for (let n = 1; n <= 3; n += 1) expect((await from(`2001:db8:1:2::${n}`)).statusCode).toBe(200);
    const refused = await from('2001:db8:1:2::4');
    expect(refused.statusCode).toBe(429);
    const { error } = refused.json<{ error: { code: string; details: { retryAfterMs: number } } }>();
    expect(error.code).toBe('rate_limited');
    expect(error.details.retryAfterMs).toBeGreaterThan(0);
    expect(Number(refused.headers['retry-after'])).toBe(Math.ceil(error.details.retryAfterMs / 1_000));
    expect((await from('2001:db8:1:3::1')).statusCode).toBe(200);
    expect((await from('192.0.2.1')).statusCode).toBe(200);
  });

  test('X-Forwarded-For is believed from trusted proxies only', async () => {
    const direct = await start({ secret: SECRET, rates: { request: 2 } });
    const ask = ({ app }: SilentHttp, forwardedFor: string, remoteAddress = '10.0.0.1') =>
      app
        .inject({ url: '/healthz', remoteAddress, headers: { 'x-forwarded-for': forwardedFor } })
        .then(({ statusCode }) => statusCode);
    const lies = [];
    for (let n = 1; n <= 3; n += 1) lies.push(await ask(direct, `198.51.100.${n}`));
    expect(lies).toEqual([200, 200, 429]);
    const proxied = await start({ secret: SECRET, rates: { request: 2 }, config: { trustProxy: ['10.0.0.0/8'] } });
    const clients = [];
    for (let n = 1; n <= 5; n += 1) clients.push(await ask(proxied, `198.51.100.${n}`));
    expect(clients).toEqual([200, 200, 200, 200, 200]);
    const oneClient = [];
    for (let n = 1; n <= 3; n += 1) oneClient.push(await ask(proxied, `6.6.6.${n}, 203.0.113.9`));
    expect(oneClient).toEqual([200, 200, 429]);
    const outsider = [];
    for (let n = 1; n <= 3; n += 1) outsider.push(await ask(proxied, `198.51.100.${n}`, '192.0.2.5'));
    expect(outsider).toEqual([200, 200, 429]);
  });

  test('refused tokens per address; who has a good one still comes in', async () => {
    const { app, create, metrics } = await start({ rates: { auth_failure: 5 } });
    const { id, token } = await create();
    const ask = (given: string, remoteAddress = '127.0.0.1') =>
      app.inject({ url: `/v1/sessions/${id}`, headers: bearer(given), remoteAddress }).then(({ statusCode }) => statusCode);
    const guesses = [];
    for (let n = 0; n < 7; n += 1) guesses.push(await ask(`guess.${n}.x`));
    expect(guesses).toEqual([401, 401, 401, 401, 401, 429, 429]);
    expect(await ask(token)).toBe(200);
    expect(await ask('guess.9.x', '127.0.0.9')).toBe(401);
    expect(await metrics.registry.metrics()).toMatch(/rate_limited_total\{kind="auth_failure"\} 2/);
  });

  test.each([
    ['create', 'POST', '/v1/sessions', {}],
    ['token', 'POST', '/tokens', { role: 'viewer' }],
    ['prompt', 'POST', '/prompts', { text: 'x', mode: 'say' }],
    ['whep', 'POST', '/whep', 'v=0\r\n'],
    ['ice_restart', 'PATCH', '/whep/whep-viewer-1', 'a=x'],
  ] as const)('%s has one', async (kind, method, path, payload) => {
    const { app, create } = await start({ rates: { [kind]: 2 } });
    const { id, token } = kind === 'create' ? { id: '', token: undefined } : await create();
    const type = { whep: 'application/sdp', ice_restart: 'application/trickle-ice-sdpfrag' }[kind as string];
    const statuses = [];
    for (let n = 0; n < 3; n += 1) {
      const { statusCode } = await app.inject({
        method,
        url: kind === 'create' ? path : `/v1/sessions/${id}${path}`,
        headers: { ...(token ? bearer(token) : {}), 'content-type': type ?? 'application/json', 'if-match': '*' },
        payload: payload as string,
      });
      statuses.push(statusCode < 300 ? 'ok' : statusCode);
    }
    expect(statuses).toEqual(['ok', 'ok', 429]);
  });

  test('a hundred creations at once: as many as there is room for, the others are told so', async () => {
    const { app, sessions } = await start({ maxSessions: 7 });
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => app.inject({ method: 'POST', url: '/v1/sessions', payload: {} })),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 201)).toHaveLength(7);
    const refused = answers.filter(({ statusCode }) => statusCode === 429);
    expect(refused).toHaveLength(93);
    expect(refused[0]?.json()).toMatchObject({ error: { code: 'too_many_sessions' } });
    expect(sessions.size).toBe(7);
  });
});

describe('origins', () => {
  test('a page elsewhere may do nothing, also by requests that browsers send without asking first', async () => {
    const { app, create, parts, sessions } = await start({ config: { allowedOrigins: [APP] } });
    const { id, token } = await create();
    const before = sessions.size;
    for (const origin of ['https://evil.example', 'null', `${APP}.evil.example`, 'http://app.example']) {
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/json']) {
        const headers = { origin, 'content-type': type };
        const created = await app.inject({ method: 'POST', url: '/v1/sessions', headers, payload: '{}' });
        expect([created.statusCode, created.headers['access-control-allow-origin']], origin).toEqual([403, undefined]);
        const prompt = { method: 'POST', url: `/v1/sessions/${id}/prompts`, payload: '{"text":"x"}' } as const;
        expect((await app.inject({ ...prompt, headers: { ...headers, ...bearer(token) } })).statusCode).toBe(403);
      }
      expect((await app.inject({ url: `/hls/${id}/index.m3u8?token=${token}`, headers: { origin } })).statusCode).toBe(403);
    }
    expect(sessions.size).toBe(before);
    expect(parts[0]?.talk.prompts).toEqual([]);
    const allowed = await app.inject({ url: `/v1/sessions/${id}`, headers: { origin: APP, ...bearer(token) } });
    expect([allowed.statusCode, allowed.headers['access-control-allow-origin']]).toEqual([200, APP]);
    expect(allowed.headers['access-control-allow-credentials']).toBeUndefined();
  });

  test('preflights: allowed pages hear what they may do, others that they may not', async () => {
    const { app } = await start({ config: { allowedOrigins: [APP] } });
    const preflight = (origin: string) =>
      app.inject({
        method: 'OPTIONS',
        url: '/v1/sessions/abcdefgh/prompts',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
      });
    expect((await preflight(APP)).headers).toMatchObject({ 'access-control-allow-origin': APP, vary: 'Origin' });
    const { headers } = await preflight('https://evil.example');
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(headers.vary).toBe('Origin');
  });

  test('under a foreign name (DNS rebinding) nothing is answered while this machine needs no token', async () => {
    const { app } = await start({ config: { publicUrl: 'https://avatar.example' } });
    const under = (host: string, url = '/metrics') =>
      app.inject({ url, headers: { host, origin: `http://${host}` } }).then(({ statusCode }) => statusCode);
    for (const host of ['evil.example', 'evil.example:3000', 'localhost.', 'localhost.evil.example', '127.0.0.1.nip.io'])
      for (const url of ['/', '/metrics', '/v1/avatars', '/docs/', '/openapi.json'])
        expect(await under(host, url), host).toBe(403);
    expect(await under('localhost:3000')).toBe(200);
    expect((await app.inject({ url: '/v1/avatars', headers: { host: 'avatar.example' } })).statusCode).toBe(200);
    const guarded = await start({ secret: SECRET });
    expect((await guarded.app.inject({ url: '/v1/avatars', headers: { host: 'any.example' } })).statusCode).toBe(200);
  });
});

describe('headers', () => {
  test('what browsers may do: nothing inline, nothing elsewhere, no guessing, no referrer; answers are not kept', async () => {
    const { app, create } = await start();
    const { id, token } = await create();
    for (const url of [
      '/',
      '/v1/avatars',
      `/v1/sessions/${id}`,
      `/hls/${id}/index.m3u8?token=${token}`,
      '/nowhere',
      '/metrics',
    ]) {
      const { headers } = await app.inject({ url, headers: url.startsWith('/v1/s') ? bearer(token) : {} });
      expect(headers, url).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'x-frame-options': 'SAMEORIGIN',
        'cache-control': 'no-store',
      });
      const policy = String(headers['content-security-policy']);
      expect(policy).toMatch(/default-src 'none'.*script-src 'self'.*connect-src 'self';.*frame-ancestors 'self'/);
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      for (const banner of ['server', 'x-powered-by', 'strict-transport-security']) expect(headers[banner]).toBeUndefined();
    }
    const file = await app.inject({ url: `/hls/${id}/segment_0.m4s?token=${token}` });
    expect(file.headers['cache-control']).toMatch(/^private/);
  });

  test('embedding is for allowed origins, strict transport for https', async () => {
    const { app } = await start({ config: { publicUrl: 'https://avatar.example', allowedOrigins: [APP] } });
    const { headers } = await app.inject({ url: '/v1/avatars', headers: { origin: APP } });
    expect(headers['content-security-policy']).toContain(`frame-ancestors 'self' ${APP}`);
    expect(headers['content-security-policy']).toContain("connect-src 'self' https://avatar.example wss://avatar.example;");
    expect(headers['x-frame-options']).toBeUndefined();
    expect(headers['strict-transport-security']).toBe('max-age=31536000');
    expect(headers['cross-origin-resource-policy']).toBe('cross-origin');
  });
});
