import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { TransportOptions } from '#protocol/signalling.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { ClientTransport } from './client-transport.ts';
import { Microphone } from './microphone.ts';
import type { StageRouter } from './stage-router.ts';

export interface MicrophoneLineOptions {
  readonly router: StageRouter;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export type MicrophoneLineEvents = {
  /** It is on. */
  microphone: [Microphone];
  close: [reason: string];
};

/** The way in of one microphone: the client's transport, its producer, and what hears it within this process. */
export class MicrophoneLine extends EventEmitter<MicrophoneLineEvents> {
  readonly #options: MicrophoneLineOptions;
  readonly #transport: ClientTransport;
  readonly #life = new Lifetime();
  #isProducing = false;

  private constructor(transport: ClientTransport, options: MicrophoneLineOptions) {
    super();
    this.#transport = transport;
    this.#options = options;
  }

  static async open(options: MicrophoneLineOptions): Promise<MicrophoneLine> {
    const transport = await ClientTransport.open(options.router, options.clock);
    const line = new MicrophoneLine(transport, options);
    line.#life.defer((reason) => void line.emit('close', reason));
    line.#life.defer((reason) => transport.close(reason));
    transport.once('close', (reason) => void line.close(reason).catch(() => undefined));
    return line;
  }

  /** What the client makes its end of the transport from. */
  get transportOptions(): TransportOptions {
    return this.#transport.options;
  }

  /** @see ClientTransport.connect */
  connect(transportId: string, dtlsParameters: types.DtlsParameters): Promise<void> {
    return this.#transport.connect(transportId, dtlsParameters);
  }

  /** @see ClientTransport.restartIce */
  restartIce(transportId: string): Promise<types.IceParameters> {
    return this.#transport.restartIce(transportId);
  }

  /** Turns it on; one stream of Opus. @throws AvatarError `not_found`, `bad_request` (not such a stream), `conflict` (on already). */
  async produce(transportId: string, rtpParameters: types.RtpParameters): Promise<{ producerId: string }> {
    this.#transport.own(transportId);
    if (this.#isProducing) throw new AvatarError('conflict', 'This microphone is on already.');
    this.#isProducing = true;
    try {
      const producer = await this.#produce(rtpParameters);
      await this.#listen(producer);
      return { producerId: producer.id };
    } catch (error) {
      this.#isProducing = false;
      throw error;
    }
  }

  /** Idempotent. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  async #produce(rtpParameters: types.RtpParameters): Promise<types.Producer> {
    if (rtpParameters.encodings?.length !== 1) {
      throw new AvatarError('bad_request', 'rtpParameters.encodings must hold one encoding: a microphone is one stream.');
    }
    try {
      return await this.#transport.webRtc.produce({ kind: 'audio', rtpParameters });
    } catch (cause) {
      throw new AvatarError('bad_request', 'rtpParameters were refused: one stream of audio/opus at 48000/2 is needed.', {
        cause,
      });
    }
  }

  async #listen(producer: types.Producer): Promise<void> {
    const { router, clock, log, metrics } = this.#options;
    const inside = await router.router.createDirectTransport();
    this.#life.defer(() => inside.close());
    const consumer = await inside.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
    if (this.#life.state !== 'open') throw new AvatarError('conflict', 'This microphone was closed meanwhile.');
    const microphone = Microphone.open({ clock, log, metrics });
    metrics.microphones.inc();
    this.#life.defer(() => metrics.microphones.dec());
    this.#life.defer((reason) => microphone.close(reason));
    consumer.on('rtp', (packet) => microphone.hear(packet));
    log.info({ producer: producer.id }, 'microphone is on');
    this.emit('microphone', microphone);
  }
}
