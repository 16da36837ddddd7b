import { Codec, CodecContext, Frame, Log, Packet } from 'node-av/lib';
import {
  AV_CODEC_FLAG_LOW_DELAY,
  AV_CODEC_ID_H264,
  AV_CODEC_ID_MJPEG,
  AV_LOG_FATAL,
  AV_PIX_FMT_YUV420P,
  AV_PIX_FMT_YUVJ420P,
  AVERROR_EAGAIN,
} from 'node-av/constants';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import { i420Bytes, type Size, type VideoFrame } from '#base/media.ts';

// FFmpeg writes to stderr past the log; errors reach us as return codes.
Log.setLevel(AV_LOG_FATAL);

const CODECS = { jpeg: AV_CODEC_ID_MJPEG, h264: AV_CODEC_ID_H264 } as const;

/** One kind of compressed picture back to I420, off the event loop, one after the other. Samples keep their range, whatever the file says of it. */
export class PictureDecoder {
  readonly #context: CodecContext;
  readonly #packet: Packet;
  readonly #frame: Frame;
  readonly #life: Lifetime;

  private constructor(context: CodecContext, life: Lifetime) {
    this.#context = context;
    this.#life = life;
    this.#packet = new Packet();
    this.#packet.alloc();
    life.defer(() => this.#packet.free());
    this.#frame = new Frame();
    this.#frame.alloc();
    life.defer(() => this.#frame.free());
  }

  static async open(format: keyof typeof CODECS): Promise<PictureDecoder> {
    const codec = Codec.findDecoder(CODECS[format]);
    if (!codec) throw new AvatarError('internal', `This FFmpeg build has no decoder for ${format}.`);
    const life = new Lifetime();
    const context = new CodecContext();
    context.allocContext3(codec);
    life.defer(() => context.freeContext());
    context.threadCount = 1;
    context.setFlags(AV_CODEC_FLAG_LOW_DELAY);
    if ((await context.open2(codec)) >= 0) return new PictureDecoder(context, life);
    await life.close('could not be opened');
    throw new AvatarError('internal', `The decoder for ${format} could not be opened.`);
  }

  /** Throws `bad_request` for what is no picture of that size. */
  async decode(bytes: Uint8Array, { width, height }: Size): Promise<VideoFrame> {
    this.#packet.data = Buffer.from(bytes);
    const sent = await this.#context.sendPacket(this.#packet);
    this.#packet.unref();
    const received = sent < 0 ? sent : this.#context.receiveFrameSync(this.#frame);
    if (received === AVERROR_EAGAIN) throw damaged('holds no picture');
    if (received < 0) throw damaged('can not be decoded');
    const { width: w, height: h, format } = this.#frame;
    const data = format === AV_PIX_FMT_YUV420P || format === AV_PIX_FMT_YUVJ420P ? this.#frame.toBuffer() : Buffer.of();
    this.#frame.unref();
    if (w !== width || h !== height || data.length !== i420Bytes({ width, height })) throw damaged('is of another size or kind');
    return { width, height, data };
  }

  /** To be called when nothing is being decoded. */
  close(): Promise<void> {
    return this.#life.close('closed');
  }
}

const damaged = (how: string): AvatarError => new AvatarError('bad_request', `A worker sent a picture that ${how}.`);
