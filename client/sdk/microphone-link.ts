import { Device, type types } from 'mediasoup-client';
import type { AnswerOf, RequestInput } from '#protocol/signalling.ts';
import { Owned } from './owned.ts';
import type { Signalling } from './signalling.ts';
import { prepareReceiver } from './webrtc.ts';

/** Where the microphone goes: the connection, and what the server's router takes. */
export interface Way {
  readonly signalling: Signalling;
  readonly rtpCapabilities: AnswerOf<'join'>['rtpCapabilities'];
}

/**
 * Opus for a voice: silence is not sent (DTX), lost packets are sent again (NACK) and those after them carry them once more (FEC). The server hears
 * up to 8 kHz, so nothing above is sent.
 */
const VOICE: types.ProducerCodecOptions = {
  opusStereo: false,
  opusDtx: true,
  opusFec: true,
  opusNack: true,
  opusMaxPlaybackRate: 16_000,
  opusMaxAverageBitrate: 32_000,
};

export type Path = 'connected' | 'broken' | 'failed';
const PATHS: Partial<Record<types.ConnectionState, Path>> = { connected: 'connected', disconnected: 'broken', failed: 'failed' };

/** The microphone's way to the server while it stands. */
export class MicrophoneLink {
  /** The server's name for its transport. */
  readonly id: string;
  readonly #producer: types.Producer;
  readonly #transport: types.Transport;
  readonly #signalling: Signalling;
  readonly #owned: Owned;

  private constructor(producer: types.Producer, transport: types.Transport, signalling: Signalling, owned: Owned) {
    this.id = transport.id;
    this.#producer = producer;
    this.#transport = transport;
    this.#signalling = signalling;
    this.#owned = owned;
  }

  /** `moved` tells how the path is, which is only known once it is open: `broken` may heal by itself, `failed` won't. @throws ClientError */
  static async open(
    { signalling, rtpCapabilities }: Way,
    track: MediaStreamTrack,
    moved: (path: Path) => void,
  ): Promise<MicrophoneLink> {
    const owned = new Owned();
    try {
      const device = new Device({ handlerFactory: prepareReceiver() });
      const loading = device.load({ routerRtpCapabilities: rtpCapabilities });
      const [{ transport: options }] = await Promise.all([signalling.request('open_microphone', {}), loading]);
      const transport = device.createSendTransport(options as unknown as types.TransportOptions);
      owned.defer(() => transport.close());
      answer(transport, signalling);
      transport.on('connectionstatechange', (state) => {
        const path = PATHS[state];
        if (path) moved(path);
      });
      const producer = await transport.produce({ track, stopTracks: false, disableTrackOnPause: false, codecOptions: VOICE });
      return new MicrophoneLink(producer, transport, signalling, owned);
    } catch (error) {
      owned.close();
      throw error;
    }
  }

  /** Whether its packets arrive, as far as can be known here. */
  get isConnected(): boolean {
    return this.#transport.connectionState === 'connected';
  }

  /** Goes on with another microphone. */
  async replace(track: MediaStreamTrack): Promise<void> {
    await this.#producer.replaceTrack({ track });
  }

  /** New credentials for a network that changed. @throws ClientError */
  async restartIce(): Promise<void> {
    const { iceParameters } = await this.#signalling.probe('restart_ice', { transportId: this.id });
    await this.#transport.restartIce({ iceParameters: iceParameters as types.IceParameters });
  }

  close(): void {
    this.#owned.close();
  }
}

function answer(transport: types.Transport, signalling: Signalling): void {
  transport.on('connect', ({ dtlsParameters }, done, failed) => {
    signalling.request('connect_transport', { transportId: transport.id, dtlsParameters }).then(done, failed);
  });
  transport.on('produce', ({ rtpParameters }, done, failed) => {
    signalling
      .request('produce', {
        transportId: transport.id,
        rtpParameters: rtpParameters as unknown as RequestInput<'produce'>['rtpParameters'],
      })
      .then(({ producerId }) => done({ id: producerId }), failed);
  });
}
