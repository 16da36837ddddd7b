import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readdir, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AvatarFields } from '#protocol/http.ts';
import { formOf } from '#server/avatars/uploads.fixture.ts';
import { silentHttp, type SilentHttp } from './http.fixture.ts';

const PIXELS = new Uint8Array(300_000).fill(7);

let http: SilentHttp;
let url: string;
const taken: { fields: AvatarFields; kind: string; bytes: Buffer }[] = [];
beforeEach(async () => {
  taken.length = 0;
  http = await silentHttp({ rates: { avatar: 5 } });
  const { create } = http.avatars;
  http.avatars.create = async (fields, upload) => {
    taken.push({ fields, kind: upload.kind, bytes: await readFile(upload.path) });
    return create(fields, upload);
  };
  await http.app.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(http.app.server.address() as AddressInfo).port}/v1/avatars`;
});
afterEach(() => http.close());

const post = async (body: FormData | string, headers: Record<string, string> = {}, method = 'POST') => {
  const response = await fetch(method === 'PUT' ? `${url}/av_default` : url, { method, body, headers });
  const answer = (await response.json()) as { error?: { code: string; message: string; details?: unknown } };
  return { status: response.status, location: response.headers.get('location'), ...answer };
};
const uploads = async (): Promise<string[]> => (await readdir(http.dataDir)).filter((name) => name.startsWith('upload'));

test('a form with fields and a file, in any order, is taken whole, and its file is not left behind', async () => {
  const form = await formOf({}, { clip: PIXELS });
  form.set('name', ' Ada ');
  form.set('greeting', 'Grüß Gott, 你好.');
  expect(await post(form)).toMatchObject({ status: 202, location: '/v1/avatars/av_default', name: 'Ada', state: 'queued' });
  expect(taken).toEqual([{ fields: { name: 'Ada', greeting: 'Grüß Gott, 你好.' }, kind: 'clip', bytes: Buffer.from(PIXELS) }]);
  expect(await uploads()).toEqual([]);
  expect(await post(await formOf({ name: 'Eve' }, { image: PIXELS }), {}, 'PUT')).toMatchObject({ status: 202 });
});

test.each<[string, Record<string, string>, Record<string, Uint8Array<ArrayBuffer>>, RegExp]>([
  ['no file', { name: 'Ada' }, {}, /file is needed/],
  ['a file by another name', { name: 'Ada' }, { picture: PIXELS }, /`picture`.*`image` or `clip`/],
  ['no name', {}, { image: PIXELS }, /^name: /],
  ['an unknown field', { name: 'Ada', colour: 'red' }, { image: PIXELS }, /colour/],
  ['a text too long', { name: 'Ada', greeting: 'x'.repeat(1_001) }, { image: PIXELS }, /^greeting: .*1000/],
  ['a field too large to read', { name: 'Ada', greeting: 'x'.repeat(10_000) }, { image: PIXELS }, /`greeting`.*too long/],
  ['broken text', { name: '\ud800'.repeat(2).slice(0, 1) }, { image: PIXELS }, /./],
])('%s is refused, and nothing is left behind', async (what, fields, files, why) => {
  const answer = await post(await formOf(fields, files));
  // A browser repairs broken text before it sends it.
  if (what === 'broken text') return expect(answer.status).toBeLessThan(500);
  expect([answer.status, answer.error?.code]).toEqual([400, 'bad_request']);
  expect(answer.error?.message).toMatch(why);
  expect(taken).toEqual([]);
  expect(await uploads()).toEqual([]);
});

test('two files are refused, and one that is too large', async () => {
  const two = await post(await formOf({ name: 'Ada' }, { image: PIXELS, clip: PIXELS }));
  expect(two.status).toBe(413);
  const large = await post(await formOf({ name: 'Ada' }, { image: new Uint8Array(16 * 2 ** 20 + 1) }));
  expect([large.status, large.error?.code]).toEqual([413, 'payload_too_large']);
  expect(large.error?.message).toMatch(/16 MB/);
  expect(await uploads()).toEqual([]);
});

test.each([
  ['JSON', 'application/json', '{"name":"Ada"}'],
  ['text', 'text/plain', 'Ada'],
  ['a form without a boundary', 'multipart/form-data', 'x'],
  ['a form that is none', 'multipart/form-data; boundary=x', 'x'],
])('%s is refused', async (_what, type, body) => {
  const { status } = await post(body, { 'content-type': type });
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  expect(taken).toEqual([]);
});

test('forms are for avatars only', async () => {
  const form = await formOf({ name: 'Ada' }, {});
  const response = await fetch(url.replace('avatars', 'sessions'), { method: 'POST', body: form });
  expect(response.status).toBe(415);
});

test('a sender that goes away in the middle leaves nothing', async () => {
  const left = request(url, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=part', 'content-length': 1e6 },
  });
  left.on('error', () => undefined);
  left.write('--part\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nsome of it');
  await expect.poll(uploads).toHaveLength(1);
  left.destroy();
  await expect.poll(uploads).toEqual([]);
  expect(taken).toEqual([]);
});

test('has a rate per address', async () => {
  const statuses: number[] = [];
  for (let n = 0; n < 6; n += 1) statuses.push((await post(await formOf({ name: 'Ada' }, { image: PIXELS }))).status);
  expect(statuses).toEqual([202, 202, 202, 202, 202, 429]);
});
