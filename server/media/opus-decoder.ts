import { createRequire } from 'node:module';
import type prism from 'prism-media';
import { AvatarError } from '#base/errors.ts';
import { MICROPHONE_RATE } from '#base/media.ts';

type Prism = typeof prism;
/** What of prism-media's stream is used: packets come one at a time and are answered at once, so nothing would be gained by piping them. */
type Codec = Pick<InstanceType<Prism['opus']['Decoder']>, 'destroy'> & { readonly encoder: { decode(packet: Buffer): Buffer } };

/**
 * opusscript gives all decoders of one copy of itself 16 MiB once and for all, and has them write at twice their address: the 29th writes past
 * the end. Each copy serves fewer, and is dropped with the last of them.
 */
const DECODERS_PER_COPY = 24;
/** RFC 6716 §3.1: the last two bits of a packet's first byte count its frames; 0 is one. */
const ONE_FRAME = 0xfc;
const FRAME_SIZE = (MICROPHONE_RATE * 20) / 1_000;

const require = createRequire(import.meta.url);
const copies = new Map<Prism, number>();

/** Opus (RFC 6716) to mono at 16 kHz, whatever it was recorded at. */
export class OpusDecoder {
  readonly #copy: Prism;
  #codec: Codec | undefined;
  /** First byte of the last good packet, as of a packet with one frame. */
  #toc: number | undefined;

  private constructor(copy: Prism) {
    this.#copy = copy;
    this.#codec = new copy.opus.Decoder({ rate: MICROPHONE_RATE, channels: 1, frameSize: FRAME_SIZE });
  }

  static create(): OpusDecoder {
    const copy = [...copies].find(([, decoders]) => decoders < DECODERS_PER_COPY)?.[0] ?? freshCopy();
    copies.set(copy, (copies.get(copy) ?? 0) + 1);
    return new OpusDecoder(copy);
  }

  /** Undefined for what isn't Opus; the sound goes on behind it. */
  decode(packet: Uint8Array): Int16Array | undefined {
    const { encoder } = this.#open();
    try {
      // An empty packet would be taken for 180 ms of loss.
      if (packet.length === 0) return undefined;
      const samples = samplesOf(encoder.decode(Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength)));
      this.#toc = (packet[0] ?? 0) & ONE_FRAME;
      return samples;
    } catch {
      return undefined;
    }
  }

  /** How so many lost samples may have sounded after what was heard last. */
  conceal(length: number): Int16Array {
    const samples = new Int16Array(length);
    const toc = this.#toc;
    if (toc === undefined) return samples;
    const { encoder } = this.#open();
    // A packet without anything but its first byte is what DTX sends: the decoder goes on from what it heard, for as long as that byte says.
    for (let at = 0; at < length;) {
      const frame = samplesOf(encoder.decode(Buffer.of(toc)));
      samples.set(frame.subarray(0, length - at), at);
      at += frame.length;
    }
    return samples;
  }

  /** Idempotent. */
  close(): void {
    if (!this.#codec) return;
    this.#codec.destroy();
    this.#codec = undefined;
    const left = (copies.get(this.#copy) ?? 1) - 1;
    if (left > 0) copies.set(this.#copy, left);
    else copies.delete(this.#copy);
  }

  #open(): Codec {
    if (this.#codec) return this.#codec;
    throw new AvatarError('internal', 'The Opus decoder is closed.');
  }
}

const samplesOf = (bytes: Buffer): Int16Array => new Int16Array(Uint8Array.from(bytes).buffer);

function freshCopy(): Prism {
  for (const path of Object.keys(require.cache)) {
    if (/[\\/]node_modules[\\/](prism-media|opusscript)[\\/]/.test(path)) Reflect.deleteProperty(require.cache, path);
  }
  return require('prism-media') as Prism;
}
