import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Ack } from '#protocol/signalling.ts';
import type { Session } from '#server/sessions/session.ts';
import { TAKEN_OVER } from '#server/media/microphones.ts';
import { silentSignalling } from './signalling.fixture.ts';

type Signalling = Awaited<ReturnType<typeof silentSignalling>>;
let signalling: Signalling;
let session: Session;

beforeEach(async () => {
  signalling = await silentSignalling({ rates: { microphone: 5 } });
  session = await signalling.sessions.create({});
});
afterEach(() => signalling.close());

const fingerprints = [{ algorithm: 'sha-256', value: 'AB:CD' }];
const rtpParameters = {
  codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 }],
  encodings: [{ ssrc: 1_234_567 }],
};
const opened = () => signalling.parts[0]?.microphones ?? [];

async function connect(role: 'host' | 'viewer', token?: string) {
  const { socket } = await signalling.enter({ token: token ?? (await signalling.tokens.issue({ role, sessionId: session.id })) });
  const heard: { name: string; payload: unknown }[] = [];
  socket.onAny((name: string, payload: unknown) => heard.push({ name, payload }));
  const ask = (event: string, body: object = {}) =>
    socket.timeout(10_000).emitWithAck(event, body) as Promise<Ack<Record<string, unknown>>>;
  return { socket, heard, ask };
}

test('a host opens its microphone without having joined, and its transport is served beside the viewer’s', async () => {
  const { ask } = await connect('host');
  expect(await ask('produce', { transportId: 'microphone-1', rtpParameters })).toMatchObject({
    error: { code: 'conflict', message: 'Send open_microphone first.' },
  });
  expect(await ask('open_microphone')).toMatchObject({ ok: { transport: { id: 'microphone-1' } } });
  const connectIt = { transportId: 'microphone-1', dtlsParameters: { role: 'client', fingerprints } };
  expect(await ask('connect_transport', connectIt)).toEqual({ ok: {} });
  expect(await ask('produce', { transportId: 'microphone-1', rtpParameters })).toEqual({ ok: { producerId: 'producer-1' } });
  expect(await ask('restart_ice', { transportId: 'microphone-1' })).toEqual({
    ok: { iceParameters: { usernameFragment: 'm', password: 'p' } },
  });
  await ask('join');
  expect(await ask('restart_ice', { transportId: 'transport-1' })).toEqual({
    ok: { iceParameters: { usernameFragment: 'u', password: 'p' } },
  });
  expect(opened().map(({ closed }) => closed)).toEqual([undefined]);
});

test('a viewer may not speak', async () => {
  const { ask } = await connect('viewer');
  expect(await ask('open_microphone')).toMatchObject({ error: { code: 'forbidden' } });
  expect(await ask('produce', { transportId: 'microphone-1', rtpParameters })).toMatchObject({ error: { code: 'forbidden' } });
});

test.each([
  ['no codec', { ...rtpParameters, codecs: [] }],
  ['two streams', { ...rtpParameters, encodings: [{ ssrc: 1_111 }, { ssrc: 2_222 }] }],
  ['an SSRC that is none', { ...rtpParameters, encodings: [{ ssrc: 2 ** 32 }] }],
  ['a payload type that is none', { ...rtpParameters, codecs: [{ ...rtpParameters.codecs[0], payloadType: 300 }] }],
])('a stream with %s is refused', async (_, wrong) => {
  const { ask } = await connect('host');
  await ask('open_microphone');
  expect(await ask('produce', { transportId: 'microphone-1', rtpParameters: wrong })).toMatchObject({
    error: { code: 'bad_request' },
  });
});

test('who opens it again, mutes, or leaves closes the one before without being told', async () => {
  const { socket, heard, ask } = await connect('host');
  await ask('open_microphone');
  await ask('open_microphone');
  expect(opened().map(({ closed }) => closed)).toEqual(['opened again', undefined]);
  expect(await ask('control', { action: 'mute' })).toEqual({ ok: {} });
  expect(opened()[1]?.closed).toBe('muted');
  await ask('open_microphone');
  socket.disconnect();
  await expect.poll(() => opened()[2]?.closed).toBe('client namespace disconnect');
  expect(heard.filter(({ name }) => name === 'microphone_closed')).toEqual([]);
});

test.each([
  [TAKEN_OVER, 'taken_over'],
  ['network lost', 'lost'],
])('one that is closed because of "%s" is told to its host alone', async (why, reason) => {
  const [host, other] = [await connect('host'), await connect('host')];
  await host.ask('open_microphone');
  await opened()[0]?.close(why);
  await expect
    .poll(() => host.heard.at(-1))
    .toMatchObject({ name: 'microphone_closed', payload: { transportId: 'microphone-1', reason } });
  expect(other.heard.filter(({ name }) => name === 'microphone_closed')).toEqual([]);
  expect(await host.ask('produce', { transportId: 'microphone-1', rtpParameters })).toMatchObject({
    error: { code: 'conflict' },
  });
});

test('two sockets with the same token are the same host, two tokens two hosts', async () => {
  const token = await signalling.tokens.issue({ role: 'host', sessionId: session.id });
  for (const each of [token, token, undefined]) await (await connect('host', each)).ask('open_microphone');
  const [one, same, other] = opened().map(({ host }) => host);
  expect(same).toBe(one);
  expect(other).not.toBe(one);
});

test('who opens it over and over is refused', async () => {
  const { ask } = await connect('host');
  for (let time = 0; time < 5; time += 1) expect(await ask('open_microphone')).toHaveProperty('ok');
  expect(await ask('open_microphone')).toMatchObject({ error: { code: 'rate_limited' } });
});
