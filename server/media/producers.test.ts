import { once } from 'node:events';
import { expect, test } from 'vitest';
import { isRunning, startSfu } from '#test/support/sfu.ts';
import { AUDIO_PAYLOAD_TYPE, PLAYOUT_DELAY_ID, VIDEO_PAYLOAD_TYPE } from './codecs.ts';
import { H264Packetizer, OpusPacketizer, parseRtp } from './rtp.ts';

/** SPS, PPS and an IDR slice of 3,000 bytes: enough for the worker to see a keyframe in several packets. */
const KEYFRAME = Uint8Array.from(
  [
    [0x67, 0x42, 0xe0, 0x1f, 1],
    [0x68, 0xce, 1, 1],
    [0x65, ...new Array<number>(3_000).fill(7)],
  ].flatMap((nal) => [0, 0, 0, 1, ...nal]),
);

test('video goes through the router with its keyframe and its playout delay, and keyframe requests come back', async () => {
  const { router, producers } = await startSfu();
  const transport = await router.router.createDirectTransport();
  const consumer = await transport.consume({
    producerId: producers.videoProducerId,
    rtpCapabilities: router.rtpCapabilities,
    paused: true,
  });
  const packetizer = new H264Packetizer({
    payloadType: VIDEO_PAYLOAD_TYPE,
    ssrc: producers.videoSsrc,
    playoutDelayId: PLAYOUT_DELAY_ID,
  });
  const received: Uint8Array[] = [];
  consumer.on('rtp', (packet) => received.push(packet));
  let frame = 0;
  const send = (): void => producers.sendVideo(packetizer.packetize(KEYFRAME, 1_920 * frame++));
  const requested = new Promise<void>((resolve) => producers.onKeyframeRequest(resolve));
  send();
  await consumer.resume();
  await requested;
  send();
  await expect.poll(() => received.map(parseRtp).filter((packet) => packet?.marker).length).toBeGreaterThan(0);
  const [first] = received.map(parseRtp);
  expect(first?.payloadType).toBe(VIDEO_PAYLOAD_TYPE);
  expect([...(first?.extensions.get(PLAYOUT_DELAY_ID) ?? [])]).toEqual([0, 0, 0]);
  expect([...(first?.payload ?? [])].slice(3, 8)).toEqual([0x67, 0x42, 0xe0, 0x1f, 1]);
});

test('an audio packet arrives as it was sent', async () => {
  const { router, producers } = await startSfu();
  const transport = await router.router.createDirectTransport();
  const consumer = await transport.consume({ producerId: producers.audioProducerId, rtpCapabilities: router.rtpCapabilities });
  const arrived = once(consumer, 'rtp');
  const packetizer = new OpusPacketizer({ payloadType: AUDIO_PAYLOAD_TYPE, ssrc: producers.audioSsrc });
  producers.sendAudio(packetizer.packetize(Uint8Array.of(0xf8, 0xff, 0xfe), 960));
  const packet = parseRtp(((await arrived) as [Buffer])[0]);
  expect([...(packet?.payload ?? [])]).toEqual([0xf8, 0xff, 0xfe]);
});

test('sending after close is dropped, closing twice is once, and a dead worker closes them', async () => {
  const { sfu, router, producers } = await startSfu();
  const packet = new OpusPacketizer({ payloadType: AUDIO_PAYLOAD_TYPE, ssrc: producers.audioSsrc }).packetize(
    new Uint8Array(3),
    0,
  );
  await Promise.all([producers.close(), producers.close()]);
  expect(producers.closed).toBe(true);
  producers.sendAudio(packet);
  producers.sendVideo([packet]);
  expect(router.closed).toBe(false);
  const [pid] = sfu.workers;
  const died = once(sfu, 'workerdied');
  process.kill(pid ?? 0, 'SIGKILL');
  await died;
  expect([router.closed, isRunning(pid ?? 0)]).toEqual([true, false]);
});
