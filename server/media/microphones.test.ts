import { once } from 'node:events';
import type { types } from 'mediasoup';
import { expect, onTestFinished, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { startSfu } from '#test/support/sfu.ts';
import { CONNECT_GRACE } from './client-transport.ts';
import type { Microphone } from './microphone.ts';
import { Microphones, TAKEN_OVER } from './microphones.ts';

async function setUp() {
  const { sfu, router } = await startSfu();
  const [clock, metrics] = [new VirtualClock(), createMetrics()];
  const microphones = new Microphones({ router, clock, log: silentLog, metrics });
  onTestFinished(() => microphones.close('test over'));
  const heard: Microphone[] = [];
  microphones.on('microphone', (microphone) => heard.push(microphone));
  const on = async () => (await metrics.microphones.get()).values[0]?.value;
  return { sfu, microphones, heard, clock, on };
}

const speech = (change: Partial<types.RtpParameters> = {}): types.RtpParameters => ({
  mid: '0',
  codecs: [
    {
      mimeType: 'audio/opus',
      payloadType: 96,
      clockRate: 48_000,
      channels: 2,
      parameters: { usedtx: 1, useinbandfec: 1 },
      rtcpFeedback: [{ type: 'nack' }],
    },
  ],
  encodings: [{ ssrc: 1_234_567 }],
  ...change,
});
const idOf = ({ transportOptions }: { transportOptions: { id: string } }): string => transportOptions.id;

test('a microphone that is on is told, and ends with its line', async () => {
  const { microphones, heard, on } = await setUp();
  const line = await microphones.open('ann');
  await expect(line.produce('another', speech())).rejects.toMatchObject({ code: 'not_found' });
  expect(await line.produce(idOf(line), speech())).toMatchObject({ producerId: expect.any(String) as string });
  expect([heard.length, await on()]).toEqual([1, 1]);
  await expect(line.produce(idOf(line), speech())).rejects.toMatchObject({ code: 'conflict' });
  await line.close('off');
  for await (const chunk of heard[0] ?? []) expect(chunk).toBeUndefined();
  expect(await on()).toBe(0);
});

test('the same host’s newest takes over, another host has to wait until that one is off', async () => {
  const { microphones, heard } = await setUp();
  const first = await microphones.open('ann');
  await first.produce(idOf(first), speech());
  await expect(microphones.open('bob')).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringMatching(/turned off/) as string,
  });
  const closed = once(first, 'close');
  const second = await microphones.open('ann');
  expect(await closed).toEqual([TAKEN_OVER]);
  await second.produce(idOf(second), speech());
  expect(heard.length).toBe(2);
  await expect(microphones.open('bob')).rejects.toMatchObject({ code: 'conflict' });
  await second.close('off');
  const third = await microphones.open('bob');
  expect(await third.produce(idOf(third), speech())).toHaveProperty('producerId');
});

test('of two that one host opens at once the later one stays', async () => {
  const { microphones } = await setUp();
  const [first, second] = await Promise.allSettled([microphones.open('ann'), microphones.open('ann')]);
  expect(first).toMatchObject({ status: 'rejected', reason: { code: 'conflict' } });
  expect(second.status).toBe('fulfilled');
});

test('who never comes gives the word back', async () => {
  const { microphones, clock } = await setUp();
  const line = await microphones.open('ann');
  const closed = once(line, 'close');
  await clock.advance(CONNECT_GRACE);
  expect(await closed).toEqual(['never connected']);
  await microphones.open('bob');
});

test.each<[string, unknown]>([
  ['no encoding', speech({ encodings: [] })],
  ['two encodings', speech({ encodings: [{ ssrc: 1 }, { ssrc: 2 }] })],
  ['another codec', speech({ codecs: [{ mimeType: 'audio/PCMU', payloadType: 0, clockRate: 8_000 }] })],
  ['a picture’s codec', speech({ codecs: [{ mimeType: 'video/H264', payloadType: 102, clockRate: 90_000 }] })],
  ['no codec', speech({ codecs: [] })],
  ['nonsense', { codecs: 7, encodings: [null] }],
  [
    'an extension of no kind',
    speech({ headerExtensions: [{ uri: 'urn:x', id: 0 } as unknown as types.RtpHeaderExtensionParameters] }),
  ],
])('a stream with %s is refused, the worker lives, and a good one goes after it', async (_, wrong) => {
  const { microphones } = await setUp();
  const line = await microphones.open('ann');
  await expect(line.produce(idOf(line), wrong as types.RtpParameters)).rejects.toMatchObject({ code: 'bad_request' });
  expect(await line.produce(idOf(line), speech())).toHaveProperty('producerId');
});

test('a worker that dies takes it along, and says so', async () => {
  const { sfu, microphones, heard } = await setUp();
  const line = await microphones.open('ann');
  await line.produce(idOf(line), speech());
  const closed = once(line, 'close');
  process.kill(sfu.workers[0] ?? 0, 'SIGKILL');
  expect(await closed).toEqual(['transport closed']);
  for await (const chunk of heard[0] ?? []) expect(chunk).toBeUndefined();
  await expect(microphones.open('ann')).rejects.toThrow();
});
