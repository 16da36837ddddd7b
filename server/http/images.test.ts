import { afterEach, expect, test } from 'vitest';
import { IMAGE } from '#protocol/http.ts';
import { jpeg } from '#server/sessions/still.fixture.ts';
import { bearer, silentHttp, type SilentHttp } from './http.fixture.ts';

let http: SilentHttp;
afterEach(() => http.close());

async function start(options: Parameters<typeof silentHttp>[0] = {}) {
  http = await silentHttp(options);
  const { id, token } = await http.create();
  const send = (payload: Buffer, { type = 'image/jpeg', as = token } = {}) =>
    http.app.inject({
      method: 'POST',
      url: `/v1/sessions/${id}/images`,
      headers: { ...bearer(as), 'content-type': type },
      payload,
    });
  const ask = (payload: object) =>
    http.app.inject({ method: 'POST', url: `/v1/sessions/${id}/prompts`, headers: bearer(token), payload });
  return { id, token, send, ask };
}

test('an image is taken for one prompt that names it', async () => {
  const { send, ask } = await start();
  const shown = await send(jpeg(1_280, 720));
  expect(shown.statusCode).toBe(201);
  const { imageId: image, ...size } = shown.json<{ imageId: string }>();
  expect(size).toEqual({ width: 1_280, height: 720 });
  expect((await ask({ text: 'look', mode: 'say', image })).json()).toMatchObject({
    error: { code: 'bad_request', message: 'image: goes with mode "chat" only' },
  });
  expect((await ask({ text: 'look', image })).statusCode).toBe(202);
  expect((await ask({ text: 'look', image })).json()).toMatchObject({ error: { code: 'not_found' } });
  expect((await ask({ text: 'look', image: 'never-was-one' })).statusCode).toBe(404);
});

test('what is no image of the right kind is refused in words', async () => {
  const { send } = await start();
  const answers = [
    await send(jpeg(), { type: 'application/json' }),
    await send(Buffer.from('{}'), { type: 'application/json' }),
    await send(Buffer.alloc(0)),
    await send(Buffer.from('GIF89a')),
    await send(jpeg(1_600, 900)),
    await send(Buffer.alloc(IMAGE.bytes + 1)),
  ];
  expect(answers.map((answer) => [answer.statusCode, answer.json<{ error: { message: string } }>().error.message])).toEqual([
    [400, 'The body is not valid UTF-8.'],
    [415, 'The Content-Type must be image/jpeg.'],
    [415, 'The image must be a JPEG, by its content.'],
    [415, 'The image must be a JPEG, by its content.'],
    [400, 'The image has 1600×900 px; sides of 16 to 1280 px are allowed.'],
    [413, `The body may have at most ${IMAGE.bytes} bytes.`],
  ]);
});

test('a viewer may not, nobody may all the time, and nobody may where the model does not see', async () => {
  const { id, send } = await start({ rates: { image: 3 } });
  expect((await send(jpeg(), { as: await http.tokens.issue({ role: 'viewer', sessionId: id }) })).statusCode).toBe(403);
  const codes = [];
  for (let n = 0; n < 4; n += 1) codes.push((await send(jpeg())).statusCode);
  expect(codes).toEqual([201, 201, 201, 429]);
  await http.close();
  const reading = await start();
  Object.assign((await http.sessions.get(reading.id)).sight, { sees: false });
  expect((await reading.send(jpeg())).json()).toMatchObject({ error: { code: 'conflict' } });
  expect((await reading.ask({ text: 'look', image: 'never-was-one' })).statusCode).toBe(409);
});
