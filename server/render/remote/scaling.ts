import { Frame, SoftwareScaleContext } from 'node-av/lib';
import { AV_PIX_FMT_YUV420P, SWS_BILINEAR } from 'node-av/constants';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Size, VideoFrame } from '#base/media.ts';

/** From one size to the other: swscale, and frames of its own, whose rows are padded as it wants them. */
interface Way {
  readonly size: Size;
  readonly context: SoftwareScaleContext;
  readonly from: Frame;
  readonly to: Frame;
  readonly life: Lifetime;
}

/** Brings I420 pictures to one size, whatever theirs, off the event loop. Must be called one after the other. */
export class Scaler {
  readonly #to: Size;
  #way: Way | undefined;

  constructor({ width, height }: Size) {
    this.#to = { width, height };
  }

  /** The picture itself when it has the size already. */
  async scale(picture: VideoFrame): Promise<VideoFrame> {
    const { width, height } = this.#to;
    if (picture.width === width && picture.height === height) return picture;
    const { context, from, to } = await this.#wayFrom(picture);
    const { data } = picture;
    check(from.makeWritable());
    check(from.fromBuffer(Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
    check(to.makeWritable());
    check(await context.scaleFrame(to, from));
    return { width, height, data: to.toBuffer() };
  }

  async close(): Promise<void> {
    const way = this.#way;
    this.#way = undefined;
    await way?.life.close('closed');
  }

  async #wayFrom({ width, height }: Size): Promise<Way> {
    if (this.#way?.size.width === width && this.#way.size.height === height) return this.#way;
    await this.close();
    const life = new Lifetime();
    const context = new SoftwareScaleContext();
    context.getContext(width, height, AV_PIX_FMT_YUV420P, this.#to.width, this.#to.height, AV_PIX_FMT_YUV420P, SWS_BILINEAR);
    life.defer(() => context.freeContext());
    this.#way = { size: { width, height }, context, from: frameOf({ width, height }, life), to: frameOf(this.#to, life), life };
    return this.#way;
  }
}

function frameOf({ width, height }: Size, life: Lifetime): Frame {
  const frame = new Frame();
  frame.alloc();
  life.defer(() => frame.free());
  frame.format = AV_PIX_FMT_YUV420P;
  frame.width = width;
  frame.height = height;
  check(frame.allocBuffer());
  return frame;
}

function check(code: number): void {
  if (code < 0) throw new AvatarError('render_failed', 'A picture could not be scaled.');
}
