import type { types } from 'mediasoup';
import { AvatarError } from '#base/errors.ts';

/** Where new viewers start to estimate their bandwidth, bit/s: enough for the picture at once, instead of climbing from 600 kbit/s. */
const INITIAL_BITRATE = 2_000_000;
/** ICE is "disconnected" after this much silence, s. What is left of the grace until a viewer is given up is counted by the viewer. */
const ICE_CONSENT_TIMEOUT = 10;
/** Most clients' transports on one worker, all sessions together: far above what it can serve well, and below what would end it. */
export const MAX_TRANSPORTS = 1_000;

/** Clients' transports on each worker's listening ports, those being made included. */
const transportsOn = new WeakMap<types.WebRtcServer, number>();

/** One router on one worker, with that worker's listening ports. Routers of one session share the worker. */
export class StageRouter {
  readonly router: types.Router;
  readonly #worker: types.Worker;
  readonly #webRtcServer: types.WebRtcServer;

  private constructor(worker: types.Worker, webRtcServer: types.WebRtcServer, router: types.Router) {
    this.#worker = worker;
    this.#webRtcServer = webRtcServer;
    this.router = router;
  }

  static async create(
    worker: types.Worker,
    webRtcServer: types.WebRtcServer,
    mediaCodecs: types.RouterRtpCodecCapability[],
  ): Promise<StageRouter> {
    return new StageRouter(worker, webRtcServer, await worker.createRouter({ mediaCodecs }));
  }

  /** What clients load their device with. */
  get rtpCapabilities(): types.RtpCapabilities {
    return this.router.rtpCapabilities;
  }

  get closed(): boolean {
    return this.router.closed;
  }

  get workerPid(): number {
    return this.#worker.pid;
  }

  /** A transport towards one client, on the worker's one UDP and one TCP port. @throws AvatarError `too_many_viewers`. */
  async createClientTransport(): Promise<types.WebRtcTransport> {
    const leave = takePlace(this.#webRtcServer);
    try {
      const transport = await this.router.createWebRtcTransport({
        webRtcServer: this.#webRtcServer,
        enableUdp: true,
        enableTcp: true,
        preferUdp: true,
        initialAvailableOutgoingBitrate: INITIAL_BITRATE,
        iceConsentTimeout: ICE_CONSENT_TIMEOUT,
      });
      transport.observer.once('close', leave);
      return transport;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /**
   * A router on the same worker that numbers its codecs differently, and copies there of these producers.
   * A router fixes payload types, so a peer that brings its own numbers needs one of its own.
   */
  async createCopy(
    mediaCodecs: types.RouterRtpCodecCapability[],
    producerIds: readonly string[],
  ): Promise<{ router: StageRouter; producerIds: string[] }> {
    const copy = await StageRouter.create(this.#worker, this.#webRtcServer, mediaCodecs);
    try {
      const copies: string[] = [];
      for (const producerId of producerIds) copies.push(await this.#pipe(producerId, copy.router));
      return { router: copy, producerIds: copies };
    } catch (error) {
      copy.close();
      throw error;
    }
  }

  /** Idempotent; closes everything made from it. */
  close(): void {
    this.router.close();
  }

  async #pipe(producerId: string, router: types.Router): Promise<string> {
    // Both ends are on one worker, where ids must differ.
    const { pipeProducer } = await this.router.pipeToRouter({ producerId, router, keepId: false, enableSctp: false });
    if (!pipeProducer) throw new Error(`Producer ${producerId} could not be piped`);
    return pipeProducer.id;
  }
}

function takePlace(server: types.WebRtcServer): () => void {
  const taken = transportsOn.get(server) ?? 0;
  if (taken >= MAX_TRANSPORTS) {
    throw new AvatarError(
      'too_many_viewers',
      'This server has its most viewers on one of its workers; try again when one has left.',
    );
  }
  transportsOn.set(server, taken + 1);
  return () => transportsOn.set(server, (transportsOn.get(server) ?? 1) - 1);
}
