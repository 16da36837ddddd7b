// Proves the mediasoup worker named by MEDIASOUP_WORKER_BIN: sound from one WebRTC peer, through DTLS and SRTP in and out of the
// worker, is heard by another. A worker can start, create transports and still crash at the first DTLS handshake.
import wrtc from '@roamhq/wrtc';
import * as mediasoup from 'mediasoup';
import { Device, type types as client } from 'mediasoup-client';

const TIMEOUT_MS = 30_000;
const SAMPLE_RATE = 48_000;
const TONE_HZ = 1_000;
/** Of 32,767; the tone is sent at 8,000. */
const HEARD_LEVEL = 500;

/** Resolves once the tone was heard; rejects when the worker dies. */
async function prove(): Promise<string> {
  Object.assign(globalThis, wrtc);
  const worker = await mediasoup.createWorker({ logLevel: 'error' });
  const died = new Promise<never>((_, reject) => worker.once('died', (error) => reject(error)));
  const router = await worker.createRouter({
    mediaCodecs: [{ kind: 'audio', mimeType: 'audio/opus', clockRate: SAMPLE_RATE, channels: 2 }],
  });
  const device = new Device({ handlerName: 'Chrome111' });
  await device.load({ routerRtpCapabilities: router.rtpCapabilities as client.RtpCapabilities });
  const heard = Promise.race([died, tone(router, device)]);
  const level = await heard;
  worker.close();
  return `heard the tone at level ${level} through mediasoup ${mediasoup.version}`;
}

/** Sends the tone and resolves with the level at which it comes back. */
async function tone(router: mediasoup.types.Router, device: Device): Promise<number> {
  const source = new wrtc.nonstandard.RTCAudioSource();
  const stop = playTone(source);
  try {
    const producer = await send(router, device, source.createTrack());
    const track = await receive(router, device, producer);
    return await listen(track);
  } finally {
    stop();
  }
}

async function send(router: mediasoup.types.Router, device: Device, track: MediaStreamTrack): Promise<mediasoup.types.Producer> {
  const remote = await createTransport(router);
  const transport = device.createSendTransport(remote.options);
  connectOnDemand(transport, remote.transport);
  const created = new Promise<mediasoup.types.Producer>((resolve) => {
    transport.on('produce', ({ kind, rtpParameters }, done, fail) => {
      remote.transport
        .produce({ kind, rtpParameters })
        .then((producer) => {
          done({ id: producer.id });
          resolve(producer);
        })
        .catch(fail);
    });
  });
  await transport.produce({ track });
  return created;
}

async function receive(
  router: mediasoup.types.Router,
  device: Device,
  producer: mediasoup.types.Producer,
): Promise<MediaStreamTrack> {
  const remote = await createTransport(router);
  const transport = device.createRecvTransport(remote.options);
  connectOnDemand(transport, remote.transport);
  const consumer = await remote.transport.consume({
    producerId: producer.id,
    rtpCapabilities: device.recvRtpCapabilities,
  });
  const { id, kind, rtpParameters } = consumer;
  const received = await transport.consume({
    id,
    kind,
    producerId: producer.id,
    rtpParameters: rtpParameters as client.RtpParameters,
  });
  return received.track;
}

async function createTransport(router: mediasoup.types.Router) {
  const transport = await router.createWebRtcTransport({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] });
  const { id, iceParameters, iceCandidates, dtlsParameters } = transport;
  return { transport, options: { id, iceParameters, iceCandidates, dtlsParameters } as client.TransportOptions };
}

function connectOnDemand(transport: client.Transport, remote: mediasoup.types.WebRtcTransport): void {
  transport.on('connect', ({ dtlsParameters }, done, fail) => {
    remote.connect({ dtlsParameters: dtlsParameters }).then(done, fail);
  });
}

/** Feeds 10 ms of tone every 10 ms until stopped. */
function playTone(source: InstanceType<typeof wrtc.nonstandard.RTCAudioSource>): () => void {
  const samples = Int16Array.from(
    { length: SAMPLE_RATE / 100 },
    (_, n) => 8_000 * Math.sin((2 * Math.PI * TONE_HZ * n) / SAMPLE_RATE),
  );
  const timer = setInterval(() => source.onData({ samples, sampleRate: SAMPLE_RATE, channelCount: 1 }), 10);
  return () => clearInterval(timer);
}

/** The first level above HEARD_LEVEL. */
async function listen(track: MediaStreamTrack): Promise<number> {
  const sink = new wrtc.nonstandard.RTCAudioSink(track);
  try {
    return await new Promise((resolve) => {
      sink.ondata = ({ samples }: { samples: Int16Array }) => {
        const level = Math.round(samples.reduce((sum, sample) => sum + Math.abs(sample), 0) / samples.length);
        if (level > HEARD_LEVEL) resolve(level);
      };
    });
  } finally {
    sink.stop();
  }
}

const timer = setTimeout(() => {
  console.error(`no sound came through within ${TIMEOUT_MS / 1_000} s`);
  process.exit(1);
}, TIMEOUT_MS);
prove().then(
  (result) => {
    clearTimeout(timer);
    console.log(result);
    process.exit(0);
  },
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
