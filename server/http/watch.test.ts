import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
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

test('HLS: playlist and files with the token in the query; names outside the pattern are not found', async () => {
  const { app, create } = await start();
  const { id, token, urls } = await create();
  const playlist = await app.inject({ url: urls.hls });
  expect(playlist.headers).toMatchObject({ 'content-type': 'application/vnd.apple.mpegurl', 'cache-control': 'no-store' });
  expect(playlist.body).toContain(`segment_0.m4s?token=${token}`);
  const init = await app.inject({ url: `/hls/${id}/init_0.mp4?token=${token}` });
  expect([init.statusCode, init.headers['content-type'], [...init.rawPayload]]).toEqual([200, 'video/mp4', [1, 2]]);
  expect((await app.inject({ url: `/hls/${id}/segment_0.m4s?token=${token}` })).headers['content-type']).toBe(
    'video/iso.segment',
  );
  for (const name of [
    '..%2f..%2fetc%2fpasswd',
    '..%2findex.m3u8',
    'segment_9.m4s',
    'segment_0.m4s%00',
    'segment_-1.m4s',
    '%2e%2e',
    'segment_0.mp4',
  ]) {
    const answer = await app.inject({ url: `/hls/${id}/${name}?token=${token}` });
    expect([name, answer.statusCode, answer.json<{ error: { code: string } }>().error.code]).toEqual([name, 404, 'not_found']);
  }
  expect((await app.inject({ url: `/hls/${id}/../../package.json?token=${token}` })).statusCode).toBe(404);
  expect((await app.inject({ url: `/hls/${id}/index.m3u8` })).statusCode).toBe(401);
  expect((await app.inject({ url: `/v1/sessions/${id}?token=${token}` })).statusCode).toBe(401);
});

test('WHEP: offer, trickle, restart, leave', async () => {
  const { app, create } = await start();
  const { token, urls } = await create();
  const url = new URL(urls.whep).pathname;
  const sdp = { ...bearer(token), 'content-type': 'application/sdp' };
  const offered = await app.inject({ method: 'POST', url, headers: sdp, payload: 'v=0\r\n' });
  expect([offered.statusCode, offered.headers['content-type'], offered.body]).toEqual([201, 'application/sdp', 'v=0\r\nanswer']);
  expect(offered.headers).toMatchObject({ location: `${url}/whep-viewer-1`, etag: '"ufrag"' });
  const location = String(offered.headers.location);
  const trickle = { ...bearer(token), 'content-type': 'application/trickle-ice-sdpfrag' };
  const patched = await app.inject({
    method: 'PATCH',
    url: location,
    headers: { ...trickle, 'if-match': '"ufrag"' },
    payload: 'a=x',
  });
  expect([patched.statusCode, patched.body]).toEqual([204, '']);
  const restarted = await app.inject({
    method: 'PATCH',
    url: location,
    headers: { ...trickle, 'if-match': '*' },
    payload: 'a=x',
  });
  expect([restarted.statusCode, restarted.headers['content-type'], restarted.body]).toEqual([
    200,
    trickle['content-type'],
    'a=ice-ufrag:new',
  ]);
  expect((await app.inject({ method: 'DELETE', url: location, headers: bearer(token) })).statusCode).toBe(200);
  const bad = [
    [await app.inject({ method: 'POST', url, headers: sdp, payload: 'garbage' }), 400, 'invalid_sdp'],
    [await app.inject({ method: 'POST', url, headers: sdp, payload: Buffer.from([0xff]) }), 400, 'bad_request'],
    [await app.inject({ method: 'POST', url, headers: sdp, payload: '' }), 400, 'bad_request'],
    [await app.inject({ method: 'POST', url, headers: bearer(token), payload: {} }), 415, 'unsupported_media_type'],
    [await app.inject({ method: 'DELETE', url: `${url}/nobody`, headers: bearer(token) }), 404, 'not_found'],
  ] as const;
  for (const [answer, status, code] of bad) {
    expect([answer.statusCode, answer.json<{ error: { code: string } }>().error.code]).toEqual([status, code]);
  }
});

test('other origins: allowed ones get CORS, others nothing', async () => {
  const origin = 'https://player.example';
  const { app, create } = await start({ config: { publicUrl: 'https://avatar.example', allowedOrigins: [origin] } });
  const { urls } = await create();
  expect(urls.page).toMatch(/^https:\/\/avatar\.example\/\?session=/);
  const url = new URL(urls.whep).pathname;
  const preflight = await app.inject({ method: 'OPTIONS', url, headers: { origin, 'access-control-request-method': 'POST' } });
  expect(preflight.statusCode).toBe(204);
  expect(preflight.headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' });
  expect(preflight.headers['access-control-allow-headers']).toContain('Authorization');
  const refused = await app.inject({ url, headers: { origin } });
  expect(refused.headers['access-control-allow-origin']).toBe(origin);
  const foreign = await app.inject({ method: 'OPTIONS', url, headers: { origin: 'https://evil.example' } });
  expect(foreign.headers['access-control-allow-origin']).toBeUndefined();
});

test('the page: a hint while it is not built; then itself, with a policy that lets it play', async () => {
  const { app, dataDir } = await start();
  const hint = await app.inject({ url: '/' });
  expect([hint.statusCode, hint.body]).toEqual([503, expect.stringContaining('npm start')]);
  await mkdir(join(dataDir, 'page', 'assets'), { recursive: true });
  await writeFile(join(dataDir, 'page', 'index.html'), '<p>page</p>');
  await writeFile(join(dataDir, 'page', 'assets', 'app-1a2b.js'), 'void 0');
  const page = await app.inject({ url: '/?session=x&token=y' });
  expect([page.statusCode, page.body, page.headers['cache-control']]).toEqual([200, '<p>page</p>', 'no-cache']);
  expect(page.headers['content-security-policy']).toMatch(/media-src 'self' blob:/);
  expect(page.headers['content-security-policy']).not.toContain('upgrade-insecure-requests');
  expect((await app.inject({ url: '/assets/app-1a2b.js' })).headers['cache-control']).toContain('immutable');
  expect((await app.inject({ url: '/assets/..%2f..%2fsecret' })).json()).toMatchObject({ error: {} });
  expect((await app.inject({ url: '/nothing.js' })).json()).toMatchObject({ error: { code: 'not_found' } });
});
