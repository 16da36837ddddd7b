import { Codec, CodecContext, Dictionary, Frame, Packet, Rational } from 'node-av/lib';
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_PICTURE_TYPE_I,
  AV_PICTURE_TYPE_NONE,
  AV_PIX_FMT_YUV420P,
  AVCOL_PRI_BT709,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_SMPTE170M,
  AVCOL_TRC_BT709,
  FF_ENCODER_LIBX264,
} from 'node-av/constants';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import { FPS, TICKS_PER_SECOND, type Size, type VideoFrame } from '#base/media.ts';
import { NAL, joinNals, nalType, splitNals } from './annex-b.ts';
import { check, checkPicture, checkSize } from './ffmpeg.ts';
import { InTurn } from './in-turn.ts';

export interface EncodedPicture {
  /** One access unit as Annex B; SPS and PPS come before each IDR. */
  readonly data: Uint8Array;
  readonly keyframe: boolean;
}

/**
 * `stitchable` and the fixed level make SPS and PPS equal in all encoders of a size, so that stored and live packets share a stream;
 * an infinite GOP without scene cuts puts IDRs only where they are asked for.
 */
const X264 = {
  preset: 'superfast',
  tune: 'zerolatency',
  profile: 'baseline',
  'forced-idr': '1',
  'x264-params': 'keyint=infinite:scenecut=0:stitchable=1:level=31:sliced-threads=0',
};

/** Bits per second that suit a talking head: 800 kbit/s at 512×512, 1.5 Mbit/s at 720×1280. */
const usualBitrate = ({ width, height }: Size): number => Math.round(800_000 * Math.sqrt((width * height) / (512 * 512)));

/** H.264 by x264, constrained baseline, level 3.1, without delay: one picture in, one access unit out, in the order of the calls. */
export class VideoEncoder {
  /** SPS and PPS as Annex B. */
  readonly parameterSets: Uint8Array;
  readonly #size: Size;
  readonly #context: CodecContext;
  readonly #frame: Frame;
  readonly #packet: Packet;
  readonly #lifetime: Lifetime;
  readonly #turns = new InTurn();

  private constructor(size: Size, context: CodecContext, lifetime: Lifetime) {
    this.#size = size;
    this.#context = context;
    this.#lifetime = lifetime;
    this.parameterSets = joinNals(splitNals(context.extraData ?? new Uint8Array()));
    this.#frame = newFrame(size, lifetime);
    this.#packet = newPacket(lifetime);
  }

  /** `bitrate` in bit/s. Rejects with `internal` when the size is not allowed. */
  static async open(options: Size & { readonly bitrate?: number }): Promise<VideoEncoder> {
    checkSize(options);
    const size = { width: options.width, height: options.height };
    const lifetime = new Lifetime();
    try {
      const context = await openContext(size, options.bitrate ?? usualBitrate(size), lifetime);
      return new VideoEncoder(size, context, lifetime);
    } catch (error) {
      await lifetime.close('open failed');
      throw error;
    }
  }

  /** `ticks` must grow from call to call; `keyframe` makes this picture an IDR (the first one always is). */
  encode(picture: VideoFrame, ticks: number, keyframe: boolean): Promise<EncodedPicture> {
    return this.#turns.run(() => this.#encode(picture, ticks, keyframe));
  }

  /** Waits for the encodes under way, then frees everything. */
  close(): Promise<void> {
    return this.#turns.run(() => this.#lifetime.close('closed'));
  }

  async #encode(picture: VideoFrame, ticks: number, keyframe: boolean): Promise<EncodedPicture> {
    if (this.#lifetime.state !== 'open') throw new AvatarError('internal', 'The video encoder is closed.');
    checkPicture(picture, this.#size);
    this.#fill(picture, ticks, keyframe);
    check(await this.#context.sendFrame(this.#frame), 'encode a picture');
    // The work was done by sendFrame on a worker thread; this only hands over its result, so another thread hop would just cost time.
    check(this.#context.receivePacketSync(this.#packet), 'hand over an encoded picture');
    try {
      return this.#take(ticks);
    } finally {
      this.#packet.unref();
    }
  }

  #fill({ data }: VideoFrame, ticks: number, keyframe: boolean): void {
    check(this.#frame.makeWritable(), 'reuse its frame');
    check(this.#frame.fromBuffer(Buffer.from(data.buffer, data.byteOffset, data.byteLength)), 'copy a picture');
    this.#frame.pts = BigInt(ticks);
    this.#frame.pictType = keyframe ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  }

  #take(ticks: number): EncodedPicture {
    const { data, pts, isKeyframe: keyframe } = this.#packet;
    if (!data || pts !== BigInt(ticks)) {
      throw new AvatarError(
        'internal',
        `The encoder was given the picture at ${String(ticks)} ticks and returned ${String(pts)}.`,
      );
    }
    // x264 introduces itself in an SEI of 700 bytes, which no viewer needs.
    const nals = splitNals(data).filter((nal) => nalType(nal) !== NAL.sei);
    return { data: joinNals(keyframe ? [...splitNals(this.parameterSets), ...nals] : nals), keyframe };
  }
}

async function openContext({ width, height }: Size, bitrate: number, lifetime: Lifetime): Promise<CodecContext> {
  const codec = Codec.findEncoderByName(FF_ENCODER_LIBX264);
  if (!codec) throw new AvatarError('internal', 'This FFmpeg build has no libx264 encoder.');
  const context = new CodecContext();
  context.allocContext3(codec);
  lifetime.defer(() => context.freeContext());
  context.width = width;
  context.height = height;
  context.pixelFormat = AV_PIX_FMT_YUV420P;
  // I420 here is BT.601, limited range; said in the SPS, because players otherwise guess by the picture's height.
  context.colorRange = AVCOL_RANGE_MPEG;
  context.colorSpace = AVCOL_SPC_SMPTE170M;
  context.colorPrimaries = AVCOL_PRI_BT709;
  context.colorTrc = AVCOL_TRC_BT709;
  context.timeBase = new Rational(1, TICKS_PER_SECOND);
  context.framerate = new Rational(FPS, 1);
  context.bitRate = BigInt(bitrate);
  context.rcMaxRate = BigInt(bitrate);
  // Half a second of VBV: room for an IDR, and at most that much queues up on a link of just this bitrate.
  context.rcBufferSize = Math.round(bitrate / 2);
  context.maxBFrames = 0;
  context.threadCount = 1;
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  const options = Dictionary.fromObject(X264);
  try {
    check(await context.open2(codec, options), `open x264 for ${String(width)}×${String(height)} px at ${String(bitrate)} bit/s`);
  } finally {
    options.free();
  }
  return context;
}

function newFrame({ width, height }: Size, lifetime: Lifetime): Frame {
  const frame = new Frame();
  frame.alloc();
  lifetime.defer(() => frame.free());
  frame.format = AV_PIX_FMT_YUV420P;
  frame.width = width;
  frame.height = height;
  check(frame.allocBuffer(), 'allocate a frame');
  return frame;
}

function newPacket(lifetime: Lifetime): Packet {
  const packet = new Packet();
  packet.alloc();
  lifetime.defer(() => packet.free());
  return packet;
}
