import prism from 'prism-media';
import { AvatarError } from '#base/errors.ts';
import { EAR_RATE, TICKS_PER_OPUS_FRAME } from '#base/media.ts';

const BYTES = TICKS_PER_OPUS_FRAME * 2;
/** Sizes in opusscript: samples it takes at most (60 ms), bytes it returns at most. */
const MAX_SAMPLES = 2_880;
const MAX_PACKET = 1276 * 3;
/**
 * bit/s. Below about 50,000 libopus takes its speech modes, which cost three times the CPU, cut off what is above 12 kHz, and spend 23 bytes and
 * more on a frame of silence; above, it takes CELT, where silence is 3 bytes.
 */
const VOICE_BITRATE = 64_000;

/** What opusscript has inside: addresses in the memory that all its instances share, and views on that memory. */
interface Codec {
  readonly inPCMPointer: number;
  readonly outOpusPointer: number;
  inPCM: Uint16Array;
  outOpus: Uint8Array;
  readonly outPCM: Uint16Array;
  encode(samples: Uint8Array, frameSize: number): Uint8Array;
}

/** Opus for one voice (RFC 6716): 20 ms mono frames at 48 kHz. */
export class OpusEncoder {
  readonly #stream: prism.opus.Encoder;

  private constructor(stream: prism.opus.Encoder) {
    this.#stream = stream;
  }

  /** `bitrate` in bit/s, 16,000–128,000. */
  static create(options: { readonly bitrate?: number } = {}): OpusEncoder {
    const stream = openStream();
    stream.setBitrate(options.bitrate ?? VOICE_BITRATE);
    return new OpusEncoder(stream);
  }

  /** 960 samples → one Opus packet. */
  encode(samples: Int16Array): Uint8Array {
    if (samples.length !== TICKS_PER_OPUS_FRAME) {
      throw new AvatarError(
        'internal',
        `An Opus frame has ${String(TICKS_PER_OPUS_FRAME)} samples, got ${String(samples.length)}.`,
      );
    }
    const codec = this.#stream.encoder as Codec | null;
    if (!codec) throw new AvatarError('internal', 'The Opus encoder is closed.');
    lendMemory(codec);
    const packet = codec.encode(new Uint8Array(samples.buffer, samples.byteOffset, BYTES), TICKS_PER_OPUS_FRAME);
    return new Uint8Array(packet);
  }

  /** Frees the encoder's memory. Idempotent. */
  close(): void {
    this.#stream.destroy();
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

function openStream(): prism.opus.Encoder {
  // prism-media passes `application` on, its types don't know it.
  const options = { rate: EAR_RATE, channels: 1, frameSize: TICKS_PER_OPUS_FRAME, application: 'AUDIO' };
  return new prism.opus.Encoder(options);
}

/**
 * Points an opusscript instance at its own memory. Its constructor takes a byte address for an index into 16-bit words, so that the samples
 * would land at twice the address, inside another instance's state (from about fifty on: outside the memory); and when the
 * shared memory grows, the views of all older instances go dead.
 */
function lendMemory(codec: Codec): void {
  const live = codec.outOpus.byteLength > 0;
  if (live && codec.inPCM.byteOffset === codec.inPCMPointer) return;
  const memory = live ? codec.outOpus.buffer : currentMemory();
  codec.inPCM = new Uint16Array(memory, codec.inPCMPointer, MAX_SAMPLES);
  codec.outOpus = new Uint8Array(memory, codec.outOpusPointer, MAX_PACKET);
}

/** Only a new instance shows where the memory is now; its last allocation is `outPCM`. */
function currentMemory(): ArrayBufferLike {
  const stream = openStream();
  try {
    return (stream.encoder as Codec).outPCM.buffer;
  } finally {
    stream.destroy();
  }
}
