import { randomInt } from 'node:crypto';
import type { types } from 'mediasoup';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import {
  AUDIO_PAYLOAD_TYPE,
  H264_PARAMETERS,
  OPUS_PARAMETERS,
  PLAYOUT_DELAY_ID,
  PLAYOUT_DELAY_URI,
  VIDEO_CLOCK_RATE,
  VIDEO_PAYLOAD_TYPE,
} from './codecs.ts';
import { readRtcp } from './rtcp.ts';
import type { StageRouter } from './stage-router.ts';

/** The SSRCs (RFC 3550 §8) of a stage's two streams. */
export interface Ssrcs {
  readonly video: number;
  readonly audio: number;
}

export interface StageProducersOptions {
  readonly log: Log;
  /** Default: any. */
  readonly ssrcs?: Ssrcs;
}

/** What the stage sends, handed to the worker as whole RTP packets: no socket, no SRTP, and keyframe requests come back. */
export class StageProducers {
  /** SSRC (RFC 3550 §8) the packets given to `sendVideo` and `sendAudio` must carry; others are dropped by the worker. */
  readonly videoSsrc: number;
  readonly audioSsrc: number;
  readonly #video: types.Producer;
  readonly #audio: types.Producer;
  readonly #transport: types.DirectTransport;
  readonly #life = new Lifetime();
  #requested: (() => void) | undefined;

  private constructor(transport: types.DirectTransport, video: types.Producer, audio: types.Producer, log: Log) {
    this.#transport = transport;
    this.#video = video;
    this.#audio = audio;
    this.videoSsrc = ssrcOf(video);
    this.audioSsrc = ssrcOf(audio);
    this.#life.defer(() => transport.close());
    transport.on('rtcp', (data) => {
      if (!readRtcp(data).keyframeRequested) return;
      log.debug('keyframe requested');
      this.#requested?.();
    });
  }

  static async create(router: StageRouter, { log, ssrcs = randomSsrcs() }: StageProducersOptions): Promise<StageProducers> {
    const transport = await router.router.createDirectTransport();
    try {
      const video = await transport.produce({ kind: 'video', rtpParameters: videoParameters(ssrcs.video) });
      const audio = await transport.produce({ kind: 'audio', rtpParameters: audioParameters(ssrcs.audio) });
      return new StageProducers(transport, video, audio, log);
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  get videoProducerId(): string {
    return this.#video.id;
  }

  get audioProducerId(): string {
    return this.#audio.id;
  }

  /** Closed by its owner, or with its router or worker. */
  get closed(): boolean {
    return this.#transport.closed;
  }

  /** RTP packets of one picture, in order. Dropped once closed. */
  sendVideo(packets: readonly Uint8Array[]): void {
    for (const packet of packets) send(this.#video, packet);
  }

  /** One RTP packet with one Opus packet. Dropped once closed. */
  sendAudio(packet: Uint8Array): void {
    send(this.#audio, packet);
  }

  /** `callback` runs at each PLI or FIR (RFC 4585, RFC 5104), whichever viewer it came from. One listener: the stage. */
  onKeyframeRequest(callback: () => void): void {
    this.#requested = callback;
  }

  close(reason = 'closed'): Promise<void> {
    return this.#life.close(reason);
  }
}

export const createStageProducers = (router: StageRouter, options: StageProducersOptions): Promise<StageProducers> =>
  StageProducers.create(router, options);

function send(producer: types.Producer, packet: Uint8Array): void {
  if (!producer.closed) producer.send(Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength));
}

// Within the process nothing is lost, so the producer asks for no retransmission (plain "nack"): viewers have theirs from the router.
const videoParameters = (ssrc: number): types.RtpParameters => ({
  codecs: [
    {
      mimeType: 'video/H264',
      payloadType: VIDEO_PAYLOAD_TYPE,
      clockRate: VIDEO_CLOCK_RATE,
      parameters: H264_PARAMETERS,
      rtcpFeedback: [
        { type: 'nack', parameter: 'pli' },
        { type: 'ccm', parameter: 'fir' },
      ],
    },
  ],
  headerExtensions: [{ uri: PLAYOUT_DELAY_URI, id: PLAYOUT_DELAY_ID }],
  encodings: [{ ssrc }],
});

const audioParameters = (ssrc: number): types.RtpParameters => ({
  codecs: [
    {
      mimeType: 'audio/opus',
      payloadType: AUDIO_PAYLOAD_TYPE,
      clockRate: 48_000,
      channels: 2,
      parameters: OPUS_PARAMETERS,
    },
  ],
  encodings: [{ ssrc }],
});

const ssrcOf = (producer: types.Producer): number => producer.rtpParameters.encodings?.[0]?.ssrc ?? 0;

/** 32 bits each, above mediasoup's own probation stream (1234). */
export const randomSsrcs = (): Ssrcs => ({ video: randomInt(2_000, 2 ** 32), audio: randomInt(2_000, 2 ** 32) });
