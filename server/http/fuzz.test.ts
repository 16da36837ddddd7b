import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ERRORS } from '#protocol/errors.ts';
import { bearer, silentHttp, type Opened, type SilentHttp } from './http.fixture.ts';

let http: SilentHttp;
let session: Opened;
beforeAll(async () => {
  http = await silentHttp({ maxSessions: 100_000 });
  session = await http.create();
});
afterAll(() => http.close());

/** Bodies near what the routes take, far from it, and no JSON at all. */
const value = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      text: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
      mode: fc.oneof(fc.constantFrom('chat', 'say'), fc.jsonValue()),
      role: fc.oneof(fc.constantFrom('host', 'viewer'), fc.jsonValue()),
      greeting: fc.oneof(fc.string(), fc.jsonValue()),
      language: fc.oneof(fc.constant('en'), fc.string()),
      hls: fc.oneof(fc.constant('always'), fc.string()),
      __proto__: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
);
const body = fc.oneof(
  value.map((given) => Buffer.from(JSON.stringify(given))),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.string().map((given) => Buffer.from(given)),
);
const type = fc.constantFrom(
  'application/json',
  'application/json; charset=utf-8',
  'application/sdp',
  'application/trickle-ice-sdpfrag',
  'image/jpeg',
  'text/plain',
);
const path = fc.constantFrom(
  '',
  '/tokens',
  '/prompts',
  '/images',
  '/interrupt',
  '/whep',
  '/whep/whep-viewer-1',
  '/transcript',
  '/stage',
);
const authorization = fc.oneof(
  fc.constant(undefined),
  fc.constant(''),
  fc.string().filter((given) => /^[\x20-\x7e]*$/.test(given)),
);

const expectAnswer = (answer: { statusCode: number; body: string }): void => {
  expect(answer.statusCode).toBeLessThan(500);
  if (answer.statusCode < 400) return;
  const { error } = JSON.parse(answer.body) as { error: { code: keyof typeof ERRORS; message: string } };
  expect(ERRORS[error.code]).toBe(answer.statusCode);
  expect(error.message.length).toBeGreaterThan(0);
};

test('any body to any call: an answer or a described error, never a 5xx', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('POST', 'PATCH', 'GET'), path, type, body, async (method, path, type, payload) => {
      const headers = { ...bearer(session.token), 'content-type': type };
      const url = `/v1/sessions/${session.id}${path}`;
      expectAnswer(await http.app.inject({ method: method as 'POST', url, headers, ...(method === 'GET' ? {} : { payload }) }));
    }),
    { numRuns: 400 },
  );
});

test('any body creates a session or is refused', async () => {
  await fc.assert(
    fc.asyncProperty(type, body, async (type, payload) => {
      const answer = await http.app.inject({ method: 'POST', url: '/v1/sessions', headers: { 'content-type': type }, payload });
      expectAnswer(answer);
      if (answer.statusCode === 201) await http.sessions.end(answer.json<Opened>().id, 'fuzz');
    }),
    { numRuns: 300 },
  );
});

test('any path and any authorization: described, never a 5xx, never somebody else’s session', async () => {
  const segment = fc.oneof(
    fc
      .string({ unit: 'binary', maxLength: 40 })
      .filter((given) => given.isWellFormed())
      .map(encodeURIComponent),
    fc.constantFrom('..', '%2e%2e%2f', '%', '//', 'hls', 'v1', 'sessions', 'index.m3u8'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(segment, { maxLength: 5 }), authorization, async (segments, given) => {
      const headers = given === undefined ? {} : { authorization: given };
      const at = await http.app.inject({ url: `/${segments.join('/')}`, headers });
      if (at.statusCode !== 503) expectAnswer(at);
      const stolen = await http.app.inject({ url: `/v1/sessions/${session.id}`, headers });
      expect(stolen.statusCode).toBe(401);
    }),
    { numRuns: 300 },
  );
});
