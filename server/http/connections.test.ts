import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { silentHttp, type SilentHttp } from './http.fixture.ts';
import { listen } from './server.ts';

const open: { http: SilentHttp; sockets: Socket[] }[] = [];
afterEach(async () => {
  for (const { http, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await http.close();
  }
});

async function start(options: Parameters<typeof silentHttp>[0]) {
  const http = await silentHttp(options);
  const sockets: Socket[] = [];
  open.push({ http, sockets });
  const port = await listen(http.app, { host: '127.0.0.1', port: 0 });
  const dial = async (from = '127.0.0.1') => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const heard: string[] = [];
    socket.on('data', (data: Buffer) => heard.push(data.toString()));
    const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(heard.join(''))));
    return { socket, closed, heard };
  };
  return { ...http, dial };
}

/** One byte each 50 ms, until the other end has had enough. */
function drip(socket: Socket, text: string): void {
  let at = 0;
  const timer = setInterval(() => socket.write(text[at++ % text.length] ?? ''), 50);
  socket.once('close', () => clearInterval(timer));
}

const PATIENCE = { headers: 500, request: 1_000, silence: 60_000 };

test('a connection that says nothing, headers that never end and a body byte by byte are ended; others are served meanwhile', async () => {
  const { app, dial } = await start({ patience: PATIENCE });
  const [mute, slowHead, slowBody] = [await dial(), await dial(), await dial()];
  slowHead.socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n');
  drip(slowHead.socket, 'x-slow: y\r\n');
  slowBody.socket.write(
    'POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n',
  );
  drip(slowBody.socket, ' ');
  expect((await app.inject({ url: '/healthz' })).statusCode).toBe(200);
  await mute.closed;
  expect(await slowHead.closed).toMatch(/^HTTP\/1\.1 408[^]*took too long/);
  expect(await slowBody.closed).toMatch(/^HTTP\/1\.1 408/);
});

test('who asks again and again and never reads is stopped from asking, and let go', async () => {
  const { dial, metrics } = await start({ patience: { ...PATIENCE, silence: 1_500 } });
  const { socket, closed } = await dial();
  socket.pause();
  const ask = 'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n';
  let sent = 0;
  const timer = setInterval(() => {
    for (let n = 0; n < 500 && socket.writable && socket.writableLength < 1_000_000; n += 1, sent += 1) socket.write(ask);
  }, 10);
  const before = process.memoryUsage().rss;
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect((process.memoryUsage().rss - before) / 1e6).toBeLessThan(200);
  const answered = async () =>
    (await metrics.httpRequestMs.get()).values.find(
      ({ metricName, labels }) => metricName?.endsWith('_count') && labels.route === '/openapi.json',
    )?.value ?? 0;
  expect(sent).toBeGreaterThan(1_000);
  expect(await answered()).toBeLessThan(sent / 2);
  clearInterval(timer);
  // The client reads nothing, so that it learns of the end only by writing.
  const probe = setInterval(() => socket.write(ask), 100);
  await closed;
  clearInterval(probe);
});

test('so many connections of one address at once; when one ends there is room again, and other addresses are not concerned', async () => {
  const { dial } = await start({ config: { maxConnections: 3 } });
  const first = [await dial(), await dial(), await dial()];
  const refused = await dial();
  expect(await refused.closed).toMatch(/^HTTP\/1\.1 429[^]*"code":"rate_limited"[^]*at most 3/);
  const ask = async (from?: string) => {
    const { socket, closed } = await dial(from);
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    return (await closed).slice(0, 12);
  };
  expect(await ask('127.0.0.2')).toBe('HTTP/1.1 200');
  first[0]?.socket.destroy();
  await expect.poll(() => ask()).toBe('HTTP/1.1 200');
});
