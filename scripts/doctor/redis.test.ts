import { afterEach, expect, it } from 'vitest';
import { RedisServer } from '#test/support/redis.ts';
import { redis } from './redis.ts';

const servers: RedisServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

const start = async (settings = {}): Promise<RedisServer> => {
  const server = await RedisServer.start(settings);
  servers.push(server);
  return server;
};

it('says which Redis answers and whether it keeps what it is told', async () => {
  const { url } = await start();
  expect(await redis(url)).toMatchObject([{ state: 'ok', detail: expect.stringMatching(/^Redis \d.*keeps/) }]);
});

it('says what is wrong with a password, and that nobody is there, without the address', async () => {
  const { port } = await start({ requirepass: 'right-and-secret' });
  const [wrong] = await redis(`redis://:wrong-and-secret@127.0.0.1:${String(port)}`);
  expect(wrong).toMatchObject({ state: 'missing', fix: expect.stringContaining('password') });
  const [away] = await redis('redis://:wrong-and-secret@127.0.0.1:1');
  expect(away).toMatchObject({ state: 'missing', fix: expect.stringContaining('start it') });
  expect(JSON.stringify([wrong, away])).not.toContain('secret');
});
