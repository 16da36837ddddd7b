import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { Tokens } from './tokens.ts';

const secret = 'a secret of at least sixteen';
const clock = new VirtualClock();
let dataDir: string;
beforeEach(async () => (dataDir = await mkdtemp(join(tmpdir(), 'tokens-'))));
afterEach(() => rm(dataDir, { recursive: true }));
const open = (own: string | undefined = secret) => Tokens.open({ secret: own, dataDir, ttl: 60_000, clock });
const sign = (payload: Record<string, unknown>, key = secret) =>
  new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(key));

test('what was issued is read back', async () => {
  const tokens = await open();
  for (const claims of [
    { role: 'host', sessionId: 'abcdefgh' },
    { role: 'viewer', sessionId: 'abcdefgh' },
    { role: 'server' },
  ] as const) {
    expect(await tokens.verify(await tokens.issue(claims))).toEqual(claims);
  }
});

test('a server token made elsewhere with the secret is accepted, by role or by subject', async () => {
  const tokens = await open();
  expect(await tokens.verify(await sign({ role: 'server' }))).toEqual({ role: 'server' });
  expect(await tokens.verify(await sign({ sub: 'server' }))).toEqual({ role: 'server' });
});

test('an expired token is refused, and says so', async () => {
  const tokens = await open();
  const token = await tokens.issue({ role: 'host', sessionId: 'abcdefgh' }, 5_000);
  await tokens.verify(token);
  await clock.advance(6_000);
  await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'unauthorized', message: /expired/ });
});

test('tokens of another secret, without a signature, or with other claims are refused', async () => {
  const tokens = await open();
  const bad = [
    await sign({ role: 'server' }, 'another secret of sixteen'),
    new UnsecuredJWT({ role: 'server' }).encode(),
    await sign({ role: 'root', sub: 'abcdefgh' }),
    await sign({ role: 'host' }),
    await sign({ role: 'host', sub: '' }),
    '',
    'a.b.c',
  ];
  for (const token of bad) await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'unauthorized', status: 401 });
});

test('any text and any bit flipped: refused as unauthorized', async () => {
  const tokens = await open();
  const good = await tokens.issue({ role: 'server' });
  const flipped = fc
    .nat({ max: good.length - 2 })
    .map((at) => good.slice(0, at) + (good[at] === 'A' ? 'B' : 'A') + good.slice(at + 1));
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), flipped), async (token) => {
      await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'unauthorized' });
    }),
  );
});

test('without a secret a random one is kept in the data folder, for its owner only', async () => {
  const folder = join(dataDir, 'fresh');
  const options = { secret: undefined, dataDir: folder, ttl: 60_000, clock };
  const [first, second] = await Promise.all([Tokens.open(options), Tokens.open(options)]);
  expect(first.guarded).toBe(false);
  expect(await second.verify(await first.issue({ role: 'server' }))).toEqual({ role: 'server' });
  expect((await stat(join(folder, 'secret'))).mode & 0o777).toBe(0o600);
  expect(Buffer.from(await readFile(join(folder, 'secret'), 'utf8'), 'base64url')).toHaveLength(32);
});

test('a damaged stored secret stops the start', async () => {
  await writeFile(join(dataDir, 'secret'), 'oops');
  await expect(Tokens.open({ secret: undefined, dataDir, ttl: 1, clock })).rejects.toThrow(/delete it and start again/);
});
