import type { types } from 'mediasoup';

/** Where new viewers start to estimate their bandwidth, bit/s: enough for the picture at once, instead of climbing from 600 kbit/s. */
const INITIAL_BITRATE = 2_000_000;
/** ICE is "disconnected" after this much silence, s. What is left of the grace until a viewer is given up is counted by the viewer. */
const ICE_CONSENT_TIMEOUT = 10;

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

  /** A transport towards one viewer, on the worker's one UDP and one TCP port. */
  createViewerTransport(): Promise<types.WebRtcTransport> {
    return this.router.createWebRtcTransport({
      webRtcServer: this.#webRtcServer,
      enableUdp: true,
      enableTcp: true,
      preferUdp: true,
      initialAvailableOutgoingBitrate: INITIAL_BITRATE,
      iceConsentTimeout: ICE_CONSENT_TIMEOUT,
    });
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
