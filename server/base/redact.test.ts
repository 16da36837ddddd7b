import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLog } from './log.ts';
import { redact } from './redact.ts';

const PLANT = 'pLaNtEd-0123456789';
const JWT = `eyJhbGciOiJIUzI1NiJ9.${Buffer.from('{"sub":"pLaNtEd"}').toString('base64url')}.c2lnbmF0dXJl`;

function logged(write: (log: ReturnType<typeof createLog>) => void, secrets: string[] = []): string {
  const lines: string[] = [];
  write(createLog('trace', { write: (line) => lines.push(line) }, secrets));
  for (const line of lines) expect(() => JSON.parse(line) as unknown, line).not.toThrow();
  return lines.join('');
}

test.each([
  ['under its name', { token: PLANT }],
  ['under its name, deeper than anybody looks', { a: { b: { c: { d: { e: [{ Authorization: PLANT }] } } } } }],
  ['in a list of headers', { headers: { 'set-cookie': [`session=${PLANT}`, 'b'], cookie: 'x' } }],
  ['under a longer name', { OPENAI_API_KEY: PLANT, clientSecret: PLANT, 'x-api-key': PLANT, db_password: PLANT }],
  ['with quotes and backslashes in it', { password: `a"${PLANT}\\"b\\` }],
  ['in JSON inside a string', { body: JSON.stringify({ token: PLANT, deep: { secret: `x"${PLANT}` } }) }],
  ['in JSON inside a string inside JSON', { body: JSON.stringify({ body: JSON.stringify({ token: PLANT }) }) }],
  ['in an address', { url: `http://localhost/hls/x/index.m3u8?a=b&token=${PLANT}&c=d` }],
  ['in an address with a password', { err: `connect postgres://ada:${PLANT}@db:5432/x failed` }],
  ['as a provider’s key', { why: `sk-${PLANT} is no key of ours` }],
  ['in a header line', { line: `Authorization: Bearer ${PLANT}` }],
])('%s', (_, given) => {
  const text = logged((log) => log.info(given, 'something happened'));
  expect(text).toContain('something happened');
  expect(text).not.toContain('pLaNtEd');
});

test('in messages, errors, their causes and their fields', () => {
  const cause = Object.assign(new Error(`GET /x?api_key=${PLANT} failed`), { config: { headers: { authorization: PLANT } } });
  const error = new Error(`Bearer ${PLANT} was refused`, { cause });
  const text = logged((log) => {
    log.error({ err: error }, `token=${PLANT}`);
    log.child({ token: PLANT }).warn('child');
    log.info(JWT);
    log.info({ anything: { at: { all: `see ${JWT}.` } } });
  });
  expect(text).not.toContain('pLaNtEd');
  expect(text).not.toContain(JWT.split('.')[1]);
});

test('a known secret wherever it stands, and as an address or JSON would write it', () => {
  const secret = 'a "very" secret/þing & more';
  const text = logged(
    (log) => log.info({ a: secret, b: `x=${encodeURIComponent(secret)}`, c: JSON.stringify({ secret }) }, `what ${secret}`),
    [secret],
  );
  expect(text).not.toContain('very');
  expect(text).not.toContain(encodeURIComponent(secret));
});

test('what is no secret stays, and any line stays one line of JSON', () => {
  const line = {
    sessionId: 'abc',
    route: '/v1/sessions/:id/tokens',
    tokens: 3,
    firstToken: 12.5,
    url: 'http://localhost:3000/?a=b',
  };
  expect(JSON.parse(logged((log) => log.info(line, 'the token has expired')))).toMatchObject({
    ...line,
    msg: 'the token has expired',
  });
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), (value, message) => {
      const secrets = { token: value, nested: { password: message, list: [{ cookie: [message] }] } };
      logged((log) => log.info({ value, secrets, text: JSON.stringify(secrets) }, message));
    }),
    { numRuns: 500 },
  );
});

test('a long line costs no longer than a long line must', () => {
  const lines = [
    '"token":"'.repeat(8_000),
    '\\'.repeat(64_000),
    'token='.repeat(10_000),
    'eyJ'.repeat(20_000),
    'a://'.repeat(16_000),
    `"token":"${'\\'.repeat(60_000)}`,
    'a-'.repeat(32_000),
    'Bearer '.repeat(9_000),
  ];
  const took = lines.map((line) => {
    const started = performance.now();
    redact(line);
    return performance.now() - started;
  });
  expect(Math.max(...took)).toBeLessThan(2_000);
});
