import { detectDevice, Device, type types } from 'mediasoup-client';
import { Chrome111 } from 'mediasoup-client/handlers/Chrome111';
import { Chrome74 } from 'mediasoup-client/handlers/Chrome74';
import { Firefox120 } from 'mediasoup-client/handlers/Firefox120';
import { Safari12 } from 'mediasoup-client/handlers/Safari12';
import type { AnswerOf, RequestInput } from '#protocol/signalling.ts';
import { Cushion } from './cushion.ts';
import { ClientError } from './errors.ts';
import { Owned } from './owned.ts';
import type { Signalling } from './signalling.ts';

const HANDLERS = { Chrome111, Chrome74, Firefox120, Safari12 };

/** What a browser can receive, asked early so that the answer is there when the server's is. */
export type Receiver = types.HandlerFactory;

/** Starts asking the browser. @throws ClientError `unsupported` */
export function prepareReceiver(): Receiver {
  const name = detectDevice();
  const handler = name && name in HANDLERS ? HANDLERS[name as keyof typeof HANDLERS] : undefined;
  if (!handler) throw new ClientError('unsupported', 'This browser is not known to receive WebRTC.');
  const factory = handler.createFactory({});
  const asked = {
    recvonly: factory.getNativeRtpCapabilities({ direction: 'recvonly' }),
    sendonly: factory.getNativeRtpCapabilities({ direction: 'sendonly' }),
  };
  for (const answer of Object.values(asked)) answer.catch(() => undefined);
  return { ...factory, getNativeRtpCapabilities: ({ direction }) => asked[direction] };
}

export interface WebRtcEvents {
  /** The path is lost: `broken` may heal by itself, `failed` won't. */
  lost(how: 'broken' | 'failed'): void;
}

/** The stage as it comes over WebRTC. */
export class WebRtc {
  readonly stream: MediaStream;
  readonly #sound: RTCRtpReceiver | undefined;
  readonly #transport: types.Transport;
  readonly #signalling: Signalling;
  readonly #owned: Owned;
  readonly #cushion: Cushion;

  private constructor(consumers: readonly types.Consumer[], transport: types.Transport, signalling: Signalling, owned: Owned) {
    this.stream = new MediaStream(consumers.map(({ track }) => track));
    this.#sound = consumers.find(({ kind }) => kind === 'audio')?.rtpReceiver;
    const receivers = consumers.flatMap(({ rtpReceiver }) => rtpReceiver ?? []);
    this.#cushion = Cushion.lay(receivers, () => transport.getStats(), owned);
    this.#transport = transport;
    this.#signalling = signalling;
    this.#owned = owned;
  }

  /**
   * Three round trips from the answer to `join`: `consume`, then `connect_transport` and `resume` at once, then ICE with DTLS behind it.
   * The media starts by itself as soon as the path stands. @throws ClientError
   */
  static async open(
    signalling: Signalling,
    joined: AnswerOf<'join'>,
    receiver: Receiver,
    events: WebRtcEvents,
    signal: AbortSignal,
  ): Promise<WebRtc> {
    const owned = new Owned();
    signal.addEventListener('abort', () => owned.close());
    try {
      if (!joined.transport) throw new ClientError('internal', 'The server gave no transport to receive with.');
      const device = new Device({ handlerFactory: receiver });
      // The protocol leaves mediasoup's own structures to mediasoup, which checks them on load.
      await device.load({ routerRtpCapabilities: joined.rtpCapabilities });
      signal.throwIfAborted();
      const transport = device.createRecvTransport(joined.transport as unknown as types.TransportOptions);
      owned.defer(() => transport.close());
      watch(transport, signalling, events, owned);
      const consumers = await consume(device, transport, signalling);
      signal.throwIfAborted();
      return new WebRtc(consumers, transport, signalling, owned);
    } catch (error) {
      owned.close();
      throw error;
    }
  }

  stats(): Promise<RTCStatsReport> {
    return this.#transport.getStats();
  }

  /** The packet of sound that is being given out: its RTP timestamp, and since when (ms of `performance.now()`), where the browser tells. */
  get sounding(): { rtpTimestamp: number; sinceMs: number } | undefined {
    const source = this.#sound?.getSynchronizationSources()[0];
    return source && { rtpTimestamp: source.rtpTimestamp, sinceMs: source.timestamp - performance.timeOrigin };
  }

  /** How long pictures are held back now, because the network loses packets, ms. */
  get heldMs(): number {
    return this.#cushion.ms;
  }

  /** New credentials for a network that changed, which may have taken the socket along without a word. @throws ClientError */
  async restartIce(): Promise<void> {
    const { iceParameters } = await this.#signalling.probe('restart_ice', { transportId: this.#transport.id });
    await this.#transport.restartIce({ iceParameters: iceParameters as types.IceParameters });
  }

  close(): void {
    this.#owned.close();
  }
}

function watch(transport: types.Transport, signalling: Signalling, events: WebRtcEvents, owned: Owned): void {
  transport.on('connect', ({ dtlsParameters }, done) => {
    // ICE needn't wait for the server's yes: a first DTLS flight that comes too early is sent again by itself.
    done();
    signalling
      .request('connect_transport', {
        transportId: transport.id,
        dtlsParameters: dtlsParameters,
      })
      .catch(() => owned.state === 'open' && events.lost('failed'));
  });
  transport.on('connectionstatechange', (state) => {
    if (state === 'disconnected') events.lost('broken');
    if (state === 'failed') events.lost('failed');
  });
}

async function consume(device: Device, transport: types.Transport, signalling: Signalling): Promise<types.Consumer[]> {
  const { consumers } = await signalling.request('consume', {
    transportId: transport.id,
    rtpCapabilities: device.recvRtpCapabilities as unknown as RequestInput<'consume'>['rtpCapabilities'],
  });
  if (!consumers.some(({ kind }) => kind === 'video'))
    throw new ClientError('unsupported', 'This browser has no H.264 over WebRTC.');
  // Asked for in one go, they become one offer; `resume` goes out beside `connect_transport`, since nothing flows before DTLS is done.
  const received = Promise.all(consumers.map((consumer) => transport.consume(consumer as unknown as types.ConsumerOptions)));
  const resumed = signalling.request('resume', { consumerIds: consumers.map(({ id }) => id) });
  return (await Promise.all([received, resumed]))[0];
}
