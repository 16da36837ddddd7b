import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { ortc, type types } from 'mediasoup';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { TransportOptions } from '#protocol/signalling.ts';
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

/** How long a viewer whose path was lost may be without one before it is given up, ms. */
export const GRACE = 30_000;
/** The same for one that never had a path: it takes a place and has shown nothing yet. */
export const CONNECT_GRACE = 15_000;

/** Why a viewer is closed whose router, listening port or worker went. */
export const TRANSPORT_CLOSED = 'transport closed';

/** One receiver of the stage: a WebRTC transport and what it consumes. */
export class Viewer extends EventEmitter<ViewerEvents> {
  readonly id = randomUUID();
  readonly kind: ViewerKind;
  state: 'new' | 'connecting' | 'connected' | 'closed' = 'new';
  readonly #source: ViewerSource;
  readonly #transport: types.WebRtcTransport;
  readonly #clock: Clock;
  readonly #life = new Lifetime();
  readonly #consumers = new Map<string, types.Consumer>();
  readonly #losses: LossWatch;
  #consuming = false;
  #cancelGrace: (() => void) | undefined;

  private constructor(kind: ViewerKind, source: ViewerSource, transport: types.WebRtcTransport, clock: Clock) {
    super();
    this.kind = kind;
    this.#source = source;
    this.#transport = transport;
    this.#clock = clock;
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
    const viewer = new Viewer(kind, source, await source.router.createViewerTransport(), clock);
    viewer.#watch();
    return viewer;
  }

  /** What the client makes its end of the transport from. */
  get transportOptions(): TransportOptions {
    const { id, iceParameters, iceCandidates, dtlsParameters } = this.#transport;
    return { id, iceParameters, iceCandidates, dtlsParameters, iceServers: [] };
  }

  get iceParameters(): types.IceParameters {
    return this.#transport.iceParameters;
  }

  get iceCandidates(): types.IceCandidate[] {
    return this.#transport.iceCandidates;
  }

  get dtlsParameters(): types.DtlsParameters {
    return this.#transport.dtlsParameters;
  }

  /** @throws AvatarError `not_found` (not this viewer's transport), `bad_request` (fingerprints), `conflict` (already connected). */
  async connect(transportId: string, dtlsParameters: types.DtlsParameters): Promise<void> {
    this.#own(transportId);
    // The worker ends with its process on an empty list.
    if (dtlsParameters.fingerprints.length === 0) {
      throw new AvatarError('bad_request', 'dtlsParameters.fingerprints must hold at least one fingerprint.');
    }
    if (this.state !== 'new') throw new AvatarError('conflict', 'This transport is connected already.');
    this.state = 'connecting';
    try {
      await this.#transport.connect({ dtlsParameters });
    } catch (cause) {
      if (!this.#transport.closed) this.state = 'new';
      throw new AvatarError(
        'bad_request',
        'dtlsParameters were refused: role "auto" or "client" and valid fingerprints are needed.',
        {
          cause,
        },
      );
    }
  }

  /**
   * Makes paused consumers of what the client can receive; video is left out when it can't decode our H.264.
   * @throws AvatarError `not_found`, `bad_request` (malformed, or nothing in common), `conflict` (already consuming).
   */
  async consume(transportId: string, rtpCapabilities: types.RtpCapabilities): Promise<ConsumerOptions[]> {
    this.#own(transportId);
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
      const consumer = await this.#transport.consume({ producerId, rtpCapabilities, paused: true, enableRtx: true });
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

  /** New ICE credentials, for a client whose network changed. @throws AvatarError `not_found`. */
  async restartIce(transportId: string): Promise<types.IceParameters> {
    this.#own(transportId);
    return this.#transport.restartIce();
  }

  async stats(): Promise<ViewerStats> {
    const [transport] = await this.#transport.getStats();
    const streams = await Promise.all([...this.#consumers.values()].map((consumer) => outbound(consumer)));
    const { iceState, dtlsState } = this.#transport;
    return { iceState, dtlsState, bytesSent: transport?.bytesSent ?? 0, streams };
  }

  /** Idempotent. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #own(transportId: string): void {
    if (this.state === 'closed' || transportId !== this.#transport.id) {
      throw new AvatarError('not_found', `This viewer has no transport ${transportId}.`);
    }
  }

  #watch(): void {
    const transport = this.#transport;
    this.#life.defer((reason) => {
      this.state = 'closed';
      this.#cancelGrace?.();
      transport.close();
      this.emit('close', reason);
    });
    this.#startGrace('never connected', CONNECT_GRACE);
    const closeFor = (reason: string): void => void this.close(reason).catch(() => undefined);
    transport.observer.once('close', () => closeFor(TRANSPORT_CLOSED));
    transport.on('icestatechange', (ice) => {
      if (ice === 'disconnected') this.#startGrace('network lost');
      else this.#progress();
    });
    transport.on('dtlsstatechange', (dtls) => {
      if (dtls === 'failed' || dtls === 'closed') closeFor(`dtls ${dtls}`);
      else this.#progress();
    });
  }

  #progress(): void {
    const { iceState, dtlsState } = this.#transport;
    if (dtlsState !== 'connected' || (iceState !== 'connected' && iceState !== 'completed')) return;
    this.#cancelGrace?.();
    if (this.state === 'connected') return;
    this.state = 'connected';
    this.emit('connected');
  }

  #startGrace(reason: string, ms = GRACE): void {
    this.#cancelGrace?.();
    this.#cancelGrace = this.#clock.at(this.#clock.now() + ms, () => void this.close(reason).catch(() => undefined));
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
