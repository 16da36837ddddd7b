import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { ortc, type types } from 'mediasoup';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { TransportOptions } from '#protocol/signalling.ts';
import { ClientTransport } from './client-transport.ts';
import { LossWatch } from './loss-watch.ts';
import type { StageRouter } from './stage-router.ts';

export type ViewerKind = 'webrtc' | 'whep';

/** Where a viewer's media comes from: a router and the producers on it. */
export interface ViewerSource {
  readonly router: StageRouter;
  readonly producerIds: readonly string[];
}

export interface ConsumerOptions {
  readonly id: string;
  readonly producerId: string;
  readonly kind: types.MediaKind;
  readonly rtpParameters: types.RtpParameters;
}

export interface ViewerStats {
  readonly iceState: types.IceState;
  readonly dtlsState: types.DtlsState;
  readonly bytesSent: number;
  readonly streams: readonly {
    readonly kind: string;
    readonly packetsSent: number;
    readonly packetsLost: number;
    readonly nackCount: number;
    readonly pliCount: number;
    /** Undefined until the viewer has reported once. */
    readonly roundTripMs: number | undefined;
  }[];
}

export type ViewerEvents = {
  /** Media can flow: ICE found a path and DTLS is done. */
  connected: [];
  /** Its network loses packets; again every 20 s while it does. */
  lossy: [];
  close: [reason: string];
};

/** One receiver of the stage: a WebRTC transport and what it consumes. */
export class Viewer extends EventEmitter<ViewerEvents> {
  readonly id = randomUUID();
  readonly kind: ViewerKind;
  readonly #source: ViewerSource;
  readonly #transport: ClientTransport;
  readonly #life = new Lifetime();
  readonly #consumers = new Map<string, types.Consumer>();
  readonly #losses: LossWatch;
  #consuming = false;

  private constructor(kind: ViewerKind, source: ViewerSource, transport: ClientTransport, clock: Clock) {
    super();
    this.kind = kind;
    this.#source = source;
    this.#transport = transport;
    this.#losses = new LossWatch({
      clock,
      listen: (on) => {
        for (const consumer of this.#consumers.values()) traceLosses(consumer, on);
      },
      lossy: () => this.emit('lossy'),
    });
    this.#life.defer(() => this.#losses.close());
  }

  static async open(kind: ViewerKind, source: ViewerSource, clock: Clock): Promise<Viewer> {
    const transport = await ClientTransport.open(source.router, clock);
    const viewer = new Viewer(kind, source, transport, clock);
    viewer.#life.defer((reason) => transport.close(reason));
    transport.on('connected', () => viewer.emit('connected'));
    transport.once('close', (reason) => {
      viewer.emit('close', reason);
      void viewer.close(reason).catch(() => undefined);
    });
    return viewer;
  }

  get state(): ClientTransport['state'] {
    return this.#transport.state;
  }

  /** What the client makes its end of the transport from. */
  get transportOptions(): TransportOptions {
    return this.#transport.options;
  }

  get iceParameters(): types.IceParameters {
    return this.#transport.webRtc.iceParameters;
  }

  get iceCandidates(): types.IceCandidate[] {
    return this.#transport.webRtc.iceCandidates;
  }

  get dtlsParameters(): types.DtlsParameters {
    return this.#transport.webRtc.dtlsParameters;
  }

  /** @see ClientTransport.connect */
  connect(transportId: string, dtlsParameters: types.DtlsParameters): Promise<void> {
    return this.#transport.connect(transportId, dtlsParameters);
  }

  /**
   * Makes paused consumers of what the client can receive; video is left out when it can't decode our H.264.
   * @throws AvatarError `not_found`, `bad_request` (malformed, or nothing in common), `conflict` (already consuming).
   */
  async consume(transportId: string, rtpCapabilities: types.RtpCapabilities): Promise<ConsumerOptions[]> {
    this.#transport.own(transportId);
    const { router, producerIds } = this.#source;
    checkCapabilities(rtpCapabilities);
    const wanted = producerIds.filter((producerId) => router.router.canConsume({ producerId, rtpCapabilities }));
    if (wanted.length === 0) {
      throw new AvatarError(
        'bad_request',
        'rtpCapabilities have neither Opus nor H264 (packetization-mode 1, constrained baseline).',
      );
    }
    if (this.#consuming) throw new AvatarError('conflict', 'This viewer consumes already.');
    this.#consuming = true;
    for (const producerId of wanted) {
      // The voice too is sent again when it is asked for; mediasoup does so for video only unless told.
      const consumer = await this.#transport.webRtc.consume({ producerId, rtpCapabilities, paused: true, enableRtx: true });
      this.#consumers.set(consumer.id, consumer);
      consumer.on('trace', () => this.#losses.requested());
      traceLosses(consumer, true);
    }
    return [...this.#consumers.values()].map(({ id, producerId, kind, rtpParameters }) => ({
      id,
      producerId,
      kind,
      rtpParameters,
    }));
  }

  /** Starts consumers; video begins with a keyframe. All of them when no ids are given. @throws AvatarError `not_found`. */
  async resume(ids: readonly string[] = [...this.#consumers.keys()]): Promise<void> {
    const consumers = ids.map((id) => {
      const consumer = this.#consumers.get(id);
      if (!consumer || consumer.closed) throw new AvatarError('not_found', `This viewer has no consumer ${id}.`);
      return consumer;
    });
    for (const consumer of consumers) await consumer.resume();
  }

  /** @see ClientTransport.restartIce */
  restartIce(transportId: string): Promise<types.IceParameters> {
    return this.#transport.restartIce(transportId);
  }

  async stats(): Promise<ViewerStats> {
    const [transport] = await this.#transport.webRtc.getStats();
    const streams = await Promise.all([...this.#consumers.values()].map((consumer) => outbound(consumer)));
    const { iceState, dtlsState } = this.#transport.webRtc;
    return { iceState, dtlsState, bytesSent: transport?.bytesSent ?? 0, streams };
  }

  /** Idempotent. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }
}

/** Whether the worker tells when the viewer asks for a lost packet. It answers, or is closed by then. */
function traceLosses(consumer: types.Consumer, on: boolean): void {
  consumer.enableTraceEvent(on ? ['nack'] : []).catch(() => undefined);
}

/** Their inside is mediasoup's; it completes what it checks, so it gets a copy. */
function checkCapabilities(rtpCapabilities: types.RtpCapabilities): void {
  try {
    ortc.validateAndNormalizeRtpCapabilities(structuredClone(rtpCapabilities));
  } catch (cause) {
    throw new AvatarError(
      'bad_request',
      `rtpCapabilities are malformed: ${cause instanceof Error ? cause.message : String(cause)}.`,
      {
        cause,
      },
    );
  }
}

async function outbound(consumer: types.Consumer): Promise<ViewerStats['streams'][number]> {
  const stats = (await consumer.getStats()).find(({ type }) => type === 'outbound-rtp');
  return {
    kind: consumer.kind,
    packetsSent: stats?.packetCount ?? 0,
    packetsLost: stats?.packetsLost ?? 0,
    nackCount: stats?.nackCount ?? 0,
    pliCount: stats?.pliCount ?? 0,
    roundTripMs: stats?.roundTripTime,
  };
}
