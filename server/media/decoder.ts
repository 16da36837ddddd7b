import { Codec, CodecContext, Frame, Packet } from 'node-av/lib';
import { AV_CODEC_FLAG_LOW_DELAY, AV_CODEC_ID_H264, AV_PIX_FMT_YUV420P, AVERROR_EAGAIN } from 'node-av/constants';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Size, VideoFrame } from '#base/media.ts';
import { check, checkPicture, checkSize } from './ffmpeg.ts';
import { InTurn } from './in-turn.ts';

/** H.264 back to pictures without delay; calls are answered in order. Start with an IDR; any later IDR may follow any picture. */
export class VideoDecoder {
  readonly #size: Size;
  readonly #context: CodecContext;
  readonly #packet: Packet;
  readonly #frame: Frame;
  readonly #lifetime: Lifetime;
  readonly #turns = new InTurn();

  private constructor(size: Size, context: CodecContext, lifetime: Lifetime) {
    this.#size = size;
    this.#context = context;
    this.#lifetime = lifetime;
    this.#packet = new Packet();
    this.#packet.alloc();
    lifetime.defer(() => this.#packet.free());
    this.#frame = new Frame();
    this.#frame.alloc();
    lifetime.defer(() => this.#frame.free());
  }

  static async open({ width, height }: Size): Promise<VideoDecoder> {
    checkSize({ width, height });
    const lifetime = new Lifetime();
    try {
      return new VideoDecoder({ width, height }, await openContext(lifetime), lifetime);
    } catch (error) {
      await lifetime.close('open failed');
      throw error;
    }
  }

  /** One access unit as Annex B → its picture, in a buffer of its own; undefined when it holds none. Rejects on damaged data. */
  decode(accessUnit: Uint8Array): Promise<VideoFrame | undefined> {
    return this.#turns.run(async () => ((await this.#decode(accessUnit)) ? this.#take() : undefined));
  }

  /** Decodes a picture that only others need, and which nobody wants to see. */
  skip(accessUnit: Uint8Array): Promise<void> {
    return this.#turns.run(async () => {
      if (await this.#decode(accessUnit)) this.#frame.unref();
    });
  }

  /** Waits for the decodes under way, then frees everything. */
  close(): Promise<void> {
    return this.#turns.run(() => this.#lifetime.close('closed'));
  }

  /** True when the frame now holds a picture. */
  async #decode(accessUnit: Uint8Array): Promise<boolean> {
    if (this.#lifetime.state !== 'open') throw new AvatarError('internal', 'The video decoder is closed.');
    this.#packet.data = Buffer.from(accessUnit.buffer, accessUnit.byteOffset, accessUnit.byteLength);
    try {
      check(await this.#context.sendPacket(this.#packet), 'decode a picture');
    } finally {
      this.#packet.unref();
    }
    // Decoded by sendPacket already; see the encoder.
    const received = this.#context.receiveFrameSync(this.#frame);
    if (received === AVERROR_EAGAIN) return false;
    check(received, 'hand over a decoded picture');
    return true;
  }

  #take(): VideoFrame {
    try {
      const { width, height, format } = this.#frame;
      if (format !== AV_PIX_FMT_YUV420P) throw new AvatarError('internal', 'A decoded picture is not I420.');
      const picture = { width, height, data: this.#frame.toBuffer() };
      checkPicture(picture, this.#size);
      return picture;
    } finally {
      this.#frame.unref();
    }
  }
}

async function openContext(lifetime: Lifetime): Promise<CodecContext> {
  const codec = Codec.findDecoder(AV_CODEC_ID_H264);
  if (!codec) throw new AvatarError('internal', 'This FFmpeg build has no H.264 decoder.');
  const context = new CodecContext();
  context.allocContext3(codec);
  lifetime.defer(() => context.freeContext());
  context.threadCount = 1;
  context.setFlags(AV_CODEC_FLAG_LOW_DELAY);
  check(await context.open2(codec), 'open the H.264 decoder');
  return context;
}
