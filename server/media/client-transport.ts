import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { TransportOptions } from '#protocol/signalling.ts';
import type { StageRouter } from './stage-router.ts';

export type ClientTransportEvents = {
  /** Media can flow: ICE found a path and DTLS is done. */
  connected: [];
  close: [reason: string];
};

/** How long a client whose path was lost may be without one before it is given up, ms. */
export const GRACE = 30_000;
/** The same for one that never had a path: it takes a place and has shown nothing yet. */
export const CONNECT_GRACE = 15_000;

/** Why a transport is closed whose router, listening port or worker went. */
export const TRANSPORT_CLOSED = 'transport closed';

/** The path between one client and a worker: made, connected, mended when its network changes, and given up once it is dead for long. */
export class ClientTransport extends EventEmitter<ClientTransportEvents> {
  state: 'new' | 'connecting' | 'connected' | 'closed' = 'new';
  readonly webRtc: types.WebRtcTransport;
  readonly #clock: Clock;
  readonly #life = new Lifetime();
  #cancelGrace: (() => void) | undefined;

  private constructor(webRtc: types.WebRtcTransport, clock: Clock) {
    super();
    this.webRtc = webRtc;
    this.#clock = clock;
  }

  static async open(router: StageRouter, clock: Clock): Promise<ClientTransport> {
    const transport = new ClientTransport(await router.createClientTransport(), clock);
    transport.#watch();
    return transport;
  }

  /** What the client makes its end of the transport from. */
  get options(): TransportOptions {
    const { id, iceParameters, iceCandidates, dtlsParameters } = this.webRtc;
    return { id, iceParameters, iceCandidates, dtlsParameters, iceServers: [] };
  }

  /** @throws AvatarError `not_found` (not this transport), `bad_request` (fingerprints), `conflict` (already connected). */
  async connect(transportId: string, dtlsParameters: types.DtlsParameters): Promise<void> {
    this.own(transportId);
    // The worker ends with its process on an empty list.
    if (dtlsParameters.fingerprints.length === 0) {
      throw new AvatarError('bad_request', 'dtlsParameters.fingerprints must hold at least one fingerprint.');
    }
    if (this.state !== 'new') throw new AvatarError('conflict', 'This transport is connected already.');
    this.state = 'connecting';
    try {
      await this.webRtc.connect({ dtlsParameters });
    } catch (cause) {
      if (!this.webRtc.closed) this.state = 'new';
      throw new AvatarError(
        'bad_request',
        'dtlsParameters were refused: role "auto" or "client" and valid fingerprints are needed.',
        {
          cause,
        },
      );
    }
  }

  /** New ICE credentials, for a client whose network changed. @throws AvatarError `not_found`. */
  async restartIce(transportId: string): Promise<types.IceParameters> {
    this.own(transportId);
    return this.webRtc.restartIce();
  }

  /** @throws AvatarError `not_found` when that isn't this one's id. */
  own(transportId: string): void {
    if (this.state === 'closed' || transportId !== this.webRtc.id) {
      throw new AvatarError('not_found', `This client has no transport ${transportId}.`);
    }
  }

  /** Idempotent. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #watch(): void {
    const { webRtc } = this;
    this.#life.defer((reason) => {
      this.state = 'closed';
      this.#cancelGrace?.();
      webRtc.close();
      this.emit('close', reason);
    });
    this.#startGrace('never connected', CONNECT_GRACE);
    const closeFor = (reason: string): void => void this.close(reason).catch(() => undefined);
    webRtc.observer.once('close', () => closeFor(TRANSPORT_CLOSED));
    webRtc.on('icestatechange', (ice) => {
      if (ice === 'disconnected') this.#startGrace('network lost');
      else this.#progress();
    });
    webRtc.on('dtlsstatechange', (dtls) => {
      if (dtls === 'failed' || dtls === 'closed') closeFor(`dtls ${dtls}`);
      else this.#progress();
    });
  }

  #progress(): void {
    const { iceState, dtlsState } = this.webRtc;
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
