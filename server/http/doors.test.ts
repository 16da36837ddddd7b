import Fastify from 'fastify';
import { SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireDoors } from './doors.ts';
import { bearer, silentHttp, type Opened, type SilentHttp } from './http.fixture.ts';
import type { App } from './options.ts';
import { jpeg } from '#server/sessions/still.fixture.ts';

const SECRET = 'sixteen characters at least';
const SDP = 'application/sdp';
const FORM = 'multipart/form-data; boundary=part';
const FRAGMENT = 'application/trickle-ice-sdpfrag';
const avatarForm = [
  '--part\r\nContent-Disposition: form-data; name="name"\r\n\r\nAda\r\n',
  '--part\r\nContent-Disposition: form-data; name="image"; filename="ada.png"\r\n\r\npixels\r\n--part--\r\n',
].join('');
/** What a route needs to succeed, where `{}` as JSON won't do. */
const BODIES: Readonly<Record<string, { type?: string; payload: string | Buffer }>> = {
  'POST /v1/sessions/:id/tokens': { payload: '{"role":"viewer"}' },
  'POST /v1/sessions/:id/prompts': { payload: '{"text":"hi","mode":"say"}' },
  'POST /v1/sessions/:id/images': { type: 'image/jpeg', payload: jpeg() },
  'POST /v1/sessions/:id/whep': { type: SDP, payload: 'v=0\r\n' },
  'POST /v1/avatars': { type: FORM, payload: avatarForm },
  'PUT /v1/avatars/:avatar': { type: FORM, payload: avatarForm },
  'PATCH /v1/sessions/:id/whep/:viewer': { type: FRAGMENT, payload: 'a=x' },
};

let http: SilentHttp;
beforeAll(async () => (http = await silentHttp({ secret: SECRET })));
afterAll(() => http.close());

interface Ask {
  readonly method: string;
  readonly url: string;
  readonly id: string;
  readonly token?: string | undefined;
  readonly query?: string;
  readonly remoteAddress?: string;
}

async function ask({ method, url, id, token, query = '', remoteAddress = '192.0.2.1' }: Ask) {
  const { type = 'application/json', payload = '{}' } = BODIES[`${method} ${url}`] ?? {};
  const path = url
    .replace(':id', id)
    .replace(':viewer', 'whep-viewer-1')
    .replace(':avatar', 'av_default')
    .replace(':file', 'init_0.mp4');
  const withBody = ['POST', 'PUT', 'PATCH'].includes(method);
  return http.app.inject({
    method: method as 'GET',
    url: `${path}${query}`,
    remoteAddress,
    headers: { ...(token === undefined ? {} : bearer(token)), ...(withBody ? { 'content-type': type } : {}) },
    ...(withBody ? { payload } : {}),
  });
}

const sign = (payload: Record<string, unknown>, key: string, expires = '1h') =>
  new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).setExpirationTime(expires).sign(new TextEncoder().encode(key));

/** Tokens that are good for nothing, whoever they say they are. */
const badTokens = async ({ id, token }: Opened) => ({
  garbage: 'a.b.c',
  empty: '""',
  'another secret': await sign({ role: 'server' }, 'another secret of sixteen'),
  expired: await sign({ role: 'host', sub: id }, SECRET, '-1s'),
  'not yet valid': await sign({ role: 'host', sub: id, nbf: 4_000_000_000 }, SECRET),
  unsigned: new UnsecuredJWT({ role: 'server' }).encode(),
  'a role that is none': await sign({ role: 'root', sub: id }, SECRET),
  'a changed payload': token.split('.').with(1, Buffer.from('{"role":"server"}').toString('base64url')).join('.'),
});

const guarded = () => http.app.doors.filter(({ door }) => door !== 'public' && door !== 'open');

describe('every route', () => {
  test('stands behind the door that is written here', () => {
    const listed = http.app.doors.filter(({ method, url }) => method !== 'HEAD' && !/^\/docs\/|\*/.test(url));
    expect(Object.fromEntries(listed.map(({ method, url, door }) => [`${method} ${url}`, door]))).toEqual({
      'GET /': 'public',
      'GET /openapi.json': 'public',
      'GET /docs': 'public',
      'GET /healthz': 'public',
      'GET /readyz': 'public',
      'GET /metrics': 'operator',
      'GET /v1/avatars': 'open',
      'GET /v1/avatars/:avatar': 'create',
      'POST /v1/avatars': 'create',
      'PUT /v1/avatars/:avatar': 'create',
      'DELETE /v1/avatars/:avatar': 'create',
      'POST /v1/sessions': 'create',
      'GET /v1/sessions/:id': 'viewer',
      'DELETE /v1/sessions/:id': 'host',
      'POST /v1/sessions/:id/tokens': 'host',
      'POST /v1/sessions/:id/prompts': 'host',
      'POST /v1/sessions/:id/images': 'host',
      'POST /v1/sessions/:id/interrupt': 'host',
      'GET /v1/sessions/:id/transcript': 'viewer',
      'GET /v1/sessions/:id/stage': 'viewer',
      'POST /v1/sessions/:id/whep': 'viewer',
      'PATCH /v1/sessions/:id/whep/:viewer': 'viewer',
      'DELETE /v1/sessions/:id/whep/:viewer': 'viewer',
      'GET /hls/:id/index.m3u8': 'viewer',
      'GET /hls/:id/captions.m3u8': 'viewer',
      'GET /hls/:id/main.m3u8': 'viewer',
      'GET /hls/:id/:file': 'viewer',
    });
  });

  test('needs one: a route without is not built', () => {
    const app = Fastify() as unknown as App;
    requireDoors(app);
    expect(() => app.get('/v1/sessions/:id/secrets', async () => 'oops')).toThrow(/GET \/v1\/sessions\/:id\/secrets has no door/);
  });

  test('refuses who shows nothing, or what is no token of ours, and says the same whether the session is there, over or never was', async () => {
    const [session, over] = [await http.create(), await http.create()];
    await http.sessions.end(over.id, 'ended');
    const bad = Object.entries({ none: undefined, ...(await badTokens(session)) });
    for (const { method, url } of guarded()) {
      for (const [kind, token] of bad) {
        const answers = [];
        for (const id of [session.id, over.id, 'never-was-one']) answers.push(await ask({ method, url, id, token }));
        for (const answer of answers) {
          expect([answer.statusCode, answer.headers['www-authenticate']], `${method} ${url} ${kind}`).toEqual([401, 'Bearer']);
          expect(answer.body).toBe(answers[0]?.body);
          expect(Object.keys(answer.headers)).toEqual(Object.keys(answers[0]?.headers ?? {}));
        }
      }
    }
  });

  test('takes the roles it is for, from its own session only', async () => {
    const other = await http.create();
    const server = await http.tokens.issue({ role: 'server' });
    for (const { method, url, door } of guarded()) {
      const inSession = url.includes(':id');
      for (const who of ['host', 'viewer', 'foreign', 'server'] as const) {
        const { id } = await http.create();
        const token = {
          host: await http.tokens.issue({ role: 'host', sessionId: id }),
          viewer: await http.tokens.issue({ role: 'viewer', sessionId: id }),
          foreign: other.token,
          server,
        }[who];
        const { statusCode } = await ask({ method, url, id, token });
        const may = who === 'server' || (inSession && (who === 'host' || (who === 'viewer' && door === 'viewer')));
        if (may) expect(statusCode, `${method} ${url} ${who}`).toBeLessThan(300);
        else expect(statusCode, `${method} ${url} ${who}`).toBe(403);
      }
    }
  });

  test('is over with its session', async () => {
    const { id, token } = await http.create();
    await http.sessions.end(id, 'ended');
    for (const { method, url } of guarded().filter(({ url }) => url.includes(':id'))) {
      expect((await ask({ method, url, id, token })).statusCode, `${method} ${url}`).toBe(410);
    }
  });

  test('takes a token in its address only where players can’t send headers', async () => {
    const { id, token } = await http.create();
    for (const { method, url } of guarded().filter(({ url }) => url.includes(':id'))) {
      const { statusCode } = await ask({ method, url, id, query: `?token=${token}` });
      if (url.startsWith('/hls/')) expect(statusCode, url).toBe(200);
      else expect(statusCode, `${method} ${url}`).toBe(401);
      const bad = await ask({ method, url, id, query: '?token=a.b.c' });
      expect(bad.statusCode, `${method} ${url}`).toBe(401);
    }
  });
});

test('metrics: for this machine itself without a token, for others with a server’s', async () => {
  const { token } = await http.create();
  const read = (headers: Record<string, string>, remoteAddress: string) =>
    http.app.inject({ url: '/metrics', headers, remoteAddress }).then(({ statusCode }) => statusCode);
  expect(await read({}, '127.0.0.1')).toBe(200);
  expect(await read({ 'x-forwarded-for': '192.0.2.1' }, '127.0.0.1')).toBe(401);
  expect(await read({ host: 'metrics.example' }, '127.0.0.1')).toBe(401);
  expect(await read({}, '192.0.2.1')).toBe(401);
  expect(await read(bearer(token), '127.0.0.1')).toBe(403);
  expect(await read(bearer(await http.tokens.issue({ role: 'server' })), '192.0.2.1')).toBe(200);
});
