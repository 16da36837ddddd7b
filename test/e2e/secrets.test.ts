import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { SignJWT } from 'jose';
import { io } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { startServer, type RunningServer } from '#test/support/server.ts';

/** Distinctive, and of no shape that could be recognised: where one stands, it was let through. */
const plant = (where: string): string => `plant_${where}_Zq8vK3xR`;
const PLANTED = /plant[a-z_]+Zq8vK3xR/i;

describe('secrets', () => {
  it(
    'planted wherever one can come in are in no log, no error, no metric and no file, at LOG_LEVEL=trace',
    { timeout: 120_000 },
    async () => {
      const secret = plant('auth_secret');
      const provider = await tellTale();
      const server = await startServer({
        LOG_LEVEL: 'trace',
        AUTH_SECRET: secret,
        OPENAI_API_KEY: plant('openai'),
        ELEVENLABS_API_KEY: plant('elevenlabs'),
        OPENAI_BASE_URL: `${provider.url}/v1`,
        ELEVENLABS_BASE_URL: provider.url,
        LLM: 'openai',
        TTS: 'elevenlabs',
        RENDERER: 'pattern',
      });
      const bodies: string[] = [];
      try {
        await visit(server, secret, bodies);
        await sleep(1_000);
      } finally {
        const files = await contents(server.dataDir);
        await server.stop();
        provider.close();
        expect(provider.heard.join(), 'the keys were used').toMatch(/openai[^]*elevenlabs|elevenlabs[^]*openai/);
        const written = server.output.join('');
        const requests = server.log.filter(({ msg }) => msg === 'request');
        expect(requests.length, 'the server has logged what happened').toBeGreaterThan(10);
        expect(server.log.some(({ client }) => client === true)).toBe(true);
        for (const text of [written, ...bodies, ...files]) expect(PLANTED.exec(text)?.[0]).toBeUndefined();
        // Whatever starts like a signed token.
        for (const text of [written, ...files]) expect(/eyJ[\w-]{10,}/.exec(text)?.[0]).toBeUndefined();
      }
    },
  );

  it('the signing secret is its owner’s only, and is not written anywhere else', { timeout: 60_000 }, async () => {
    const server = await startServer({ LOG_LEVEL: 'trace', RENDERER: 'pattern' });
    const session = await server.createSession({});
    await server.call('GET', `/v1/sessions/${session.id}`, undefined, session.token);
    const own = (await readFile(join(server.dataDir, 'secret'), 'utf8')).trim();
    for (const entry of await readdir(server.dataDir, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      expect([entry.name, ((await stat(join(server.dataDir, entry.name))).mode & 0o077).toString(8)]).toEqual([entry.name, '0']);
    }
    const files = await contents(server.dataDir, 'secret');
    await server.stop();
    for (const text of [server.output.join(''), ...files]) expect(text).not.toContain(own);
  });

  it('in settings that stop the start are not repeated', { timeout: 60_000 }, async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'infinitetalk-rtc-'));
    const { exitCode, stdout, stderr } = await execa(process.execPath, ['server/main.ts'], {
      env: {
        DATA_DIR: dataDir,
        PORT: 'x',
        DATABASE_URL: `postgres://ada:${plant('database')}@db/x`,
        OPENAI_BASE_URL: `https://ada:${plant('base_url')}@llm.example/v1`,
        PUBLIC_URL: `https://ada:${plant('public_url')}@avatar.example`,
        AUTH_SECRET: plant('short').slice(0, 14),
      },
      reject: false,
      timeout: 20_000,
    });
    await rm(dataDir, { recursive: true, force: true });
    expect(exitCode).toBe(1);
    for (const name of ['PORT', 'OPENAI_BASE_URL', 'DATABASE_URL', 'PUBLIC_URL', 'AUTH_SECRET']) expect(stderr).toContain(name);
    expect(stdout + stderr).not.toMatch(/plant/);
  });
});

/** A provider that refuses every key, and repeats it in its refusal. */
async function tellTale() {
  const heard: string[] = [];
  const server = createServer((request, response) => {
    const said = JSON.stringify(request.headers);
    heard.push(said);
    response.writeHead(401, { 'content-type': 'application/json', 'x-echo': String(request.headers.authorization) });
    response.end(JSON.stringify({ error: { message: `Incorrect API key: ${said}`, code: 'invalid_api_key' }, detail: said }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { heard, url: `http://127.0.0.1:${port}`, close: () => void server.close() };
}

/** Goes through everything that works and everything that doesn't, with a secret in each place that takes one. */
async function visit(server: RunningServer, secret: string, bodies: string[]): Promise<void> {
  const key = new TextEncoder().encode(secret);
  const serverToken = await new SignJWT({ role: 'server' }).setProtectedHeader({ alg: 'HS256' }).sign(key);
  const foreign = await new SignJWT({ role: 'server', jti: plant('jti') })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.alloc(32));
  const ask = async (path: string, init: RequestInit = {}, answersWithSecrets = false) => {
    const response = await fetch(new URL(path, server.url), init);
    const text = await response.text();
    if (!answersWithSecrets) bodies.push(text);
    return { status: response.status, text };
  };
  const json = { 'content-type': 'application/json' };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const created = await ask('/v1/sessions', { method: 'POST', headers: { ...json, ...bearer(serverToken) }, body: '{}' }, true);
  expect(created.status).toBe(201);
  const session = JSON.parse(created.text) as { id: string; token: string; urls: { hls: string; page: string; whep: string } };
  const at = `/v1/sessions/${session.id}`;
  const own = { ...json, ...bearer(session.token) };
  const issued = await ask(`${at}/tokens`, { method: 'POST', headers: own, body: '{"role":"viewer"}' }, true);
  expect(issued.status).toBe(201);
  await ask(`${at}/prompts`, { method: 'POST', headers: own, body: '{"text":"hello there","mode":"say"}' });

  await ask(`${at}/prompts`, { method: 'POST', headers: own, body: '{"text":"and you?"}' });
  await expect
    .poll(async () => (await ask(`${at}/transcript`, { headers: own })).text.match(/"state":"(failed|done)"/g)?.length, {
      timeout: 30_000,
    })
    .toBe(2);

  const odd: [string, RequestInit][] = [
    [at, { headers: bearer(plant('bearer')) }],
    [at, { headers: bearer(foreign) }],
    [at, { headers: { authorization: `Basic ${plant('basic')}` } }],
    [at, { headers: { authorization: plant('scheme') } }],
    [at, { headers: { cookie: `session=${plant('cookie')}`, ...bearer(plant('bearer')) } }],
    [at, { headers: { 'x-api-key': plant('api_key'), 'x-request-id': plant('trace') + '!' } }],
    [`${at}?token=${plant('query')}`, {}],
    [`/hls/${session.id}/index.m3u8?token=${plant('hls')}`, {}],
    [`/hls/${session.id}/segment_9.m4s?token=${session.token}`, {}],
    [`/hls/${session.id}/%zz?token=${plant('broken')}`, {}],
    [`/?session=${session.id}&token=${plant('page')}`, {}],
    [`/nowhere?token=${plant('nowhere')}`, {}],
    [`/socket.io/?EIO=9&transport=${plant('transport')}&token=${plant('polling')}`, {}],
    [`${at}/tokens`, { method: 'POST', headers: own, body: `{"role":"viewer","token":"${plant('field')}"` }],
    [`${at}/tokens`, { method: 'POST', headers: own, body: `{"role":"${plant('role')}"}` }],
    [
      `${at}/whep`,
      { method: 'POST', headers: { ...own, 'content-type': 'application/sdp' }, body: `v=0\r\na=${plant('sdp')}\r\n` },
    ],
    [`${at}/whep/${plant('viewer')}?token=${plant('whep')}`, { method: 'DELETE', headers: own }],
    ['/v1/sessions', { method: 'POST', headers: { ...json, ...bearer(session.token) }, body: '{}' }],
    ['/v1/sessions', { method: 'POST', headers: { ...json, ...bearer(serverToken) }, body: '{"avatar":"nobody"}' }],
    ['/metrics', { headers: bearer(serverToken) }],
    ['/metrics', {}],
  ];
  // What the caller itself put into a path comes back to it and nobody else; into no body of these.
  for (const [path, init] of odd)
    await ask(path, init, path.includes(plant('viewer')) || path.includes('tokens') || path.includes('EIO=9'));
  const playlist = await ask(session.urls.hls, {}, true);
  expect(playlist.status).toBe(200);
  await ask(session.urls.page);

  for (const token of [plant('socket'), foreign]) {
    const refused = io(server.url, {
      auth: { token },
      reconnection: false,
      forceNew: true,
      query: { token: plant('handshake') },
    });
    await new Promise((resolve) => refused.once('connect_error', resolve));
    refused.disconnect();
  }
  const socket = io(server.url, { auth: { token: session.token }, forceNew: true, transports: ['websocket'] });
  await new Promise((resolve, reject) => socket.once('connect', () => resolve(undefined)).once('connect_error', reject));
  const send = (event: string, body: unknown) => socket.timeout(5_000).emitWithAck(event, body) as Promise<unknown>;
  await send('client_log', {
    level: 'error',
    message: `GET http://ada:${plant('userinfo')}@x/?token=${plant('message')} failed: Bearer ${plant('header')}`,
    data: {
      token: plant('data'),
      client_secret: plant('client_secret'),
      page: session.urls.page,
      body: JSON.stringify({ deep: { password: plant('deep') } }),
    },
  });
  await send('connect_transport', {
    transportId: plant('transport_id').slice(0, 60),
    dtlsParameters: { fingerprints: [], secret: plant('dtls') },
  });
  await send('nonsense', { token: plant('nonsense') });
  socket.disconnect();
  await ask(at, { method: 'DELETE', headers: own });
  await ask(at, { headers: own });
}

async function contents(folder: string, except = ''): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== except);
  return Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')));
}
