import { Codec, CodecContext, Frame, Packet, Rational } from 'node-av/lib';
import {
  AV_CHANNEL_ORDER_NATIVE,
  AV_OPT_SEARCH_CHILDREN,
  AV_OPT_TYPE_STRING,
  AV_SAMPLE_FMT_S16,
  FF_ENCODER_LIBOPUS,
} from 'node-av/constants';
import { AvatarError } from '#base/errors.ts';
import { EAR_RATE, TICKS_PER_OPUS_FRAME } from '#base/media.ts';
import { check } from './ffmpeg.ts';

/**
 * bit/s. Below about 50,000 libopus takes its speech modes, which cost three times the CPU, cut off what is above 12 kHz, and spend 23 bytes and
 * more on a frame of silence; above, it takes CELT, where silence is 3 bytes.
 */
const VOICE_BITRATE = 64_000;
const MONO = { order: AV_CHANNEL_ORDER_NATIVE, nbChannels: 1, mask: 4n };

/** Opus for one voice (RFC 6716): 20 ms mono frames at 48 kHz. */
export class OpusEncoder {
  readonly #context: CodecContext;
  readonly #frame: Frame;
  readonly #packet: Packet;
  #ticks = 0;
  #open = true;

  private constructor(context: CodecContext) {
    this.#context = context;
    this.#frame = newFrame();
    this.#packet = new Packet();
    this.#packet.alloc();
  }

  /** `bitrate` in bit/s, 16,000–128,000. */
  static create(options: { readonly bitrate?: number } = {}): OpusEncoder {
    return new OpusEncoder(openContext(options.bitrate ?? VOICE_BITRATE));
  }

  /** 960 samples → one Opus packet. */
  encode(samples: Int16Array): Uint8Array {
    if (samples.length !== TICKS_PER_OPUS_FRAME) {
      throw new AvatarError(
        'internal',
        `An Opus frame has ${String(TICKS_PER_OPUS_FRAME)} samples, got ${String(samples.length)}.`,
      );
    }
    if (!this.#open) throw new AvatarError('internal', 'The Opus encoder is closed.');
    this.#fill(samples);
    // A tenth of a millisecond: another thread would take longer to be asked.
    check(this.#context.sendFrameSync(this.#frame), 'encode sound');
    check(this.#context.receivePacketSync(this.#packet), 'hand over encoded sound');
    const packet = new Uint8Array(this.#packet.data ?? []);
    this.#packet.unref();
    return packet;
  }

  /** Frees the encoder's memory. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#packet.free();
    this.#frame.free();
    this.#context.freeContext();
  }

  #fill(samples: Int16Array): void {
    check(this.#frame.makeWritable(), 'reuse its frame of sound');
    check(this.#frame.fromBuffer(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)), 'copy sound');
    this.#frame.pts = BigInt(this.#ticks);
    this.#ticks += TICKS_PER_OPUS_FRAME;
  }
}

let silence: Uint8Array | undefined;

/** One Opus packet of 20 ms digital silence, a few bytes long; to be sent while nobody speaks. Encoded once. */
export function silentPacket(): Uint8Array {
  silence ??= encodeSilence();
  return silence;
}

function encodeSilence(): Uint8Array {
  const encoder = OpusEncoder.create();
  try {
    return encoder.encode(new Int16Array(TICKS_PER_OPUS_FRAME));
  } finally {
    encoder.close();
  }
}

function openContext(bitrate: number): CodecContext {
  const codec = Codec.findEncoderByName(FF_ENCODER_LIBOPUS);
  if (!codec) throw new AvatarError('internal', 'This FFmpeg build has no libopus encoder.');
  const context = new CodecContext();
  context.allocContext3(codec);
  context.sampleRate = EAR_RATE;
  context.sampleFormat = AV_SAMPLE_FMT_S16;
  context.channelLayout = MONO;
  context.timeBase = new Rational(1, EAR_RATE);
  context.bitRate = BigInt(bitrate);
  // Else libopus takes a fourth more than the bitrate for a voice, for next to nothing.
  const constrained = context.setOption('vbr', 'constrained', AV_OPT_TYPE_STRING, AV_OPT_SEARCH_CHILDREN);
  try {
    check(constrained, 'constrain the bitrate of Opus');
    check(context.open2Sync(codec), `open libopus at ${String(bitrate)} bit/s`);
  } catch (error) {
    context.freeContext();
    throw error;
  }
  return context;
}

function newFrame(): Frame {
  const frame = new Frame();
  frame.alloc();
  frame.format = AV_SAMPLE_FMT_S16;
  frame.sampleRate = EAR_RATE;
  frame.channelLayout = MONO;
  frame.nbSamples = TICKS_PER_OPUS_FRAME;
  check(frame.allocBuffer(), 'allocate a frame of sound');
  return frame;
}
