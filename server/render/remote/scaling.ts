import { SoftwareScaleContext } from 'node-av/lib';
import { AV_PIX_FMT_YUV420P, SWS_BILINEAR } from 'node-av/constants';
import { AvatarError } from '#base/errors.ts';
import { i420Bytes, type Size, type VideoFrame } from '#base/media.ts';

/** Brings I420 pictures to one size, whatever theirs, off the event loop, one after the other. */
export class Scaler {
  readonly #to: Size;
  #from: Size | undefined;
  #context: SoftwareScaleContext | undefined;

  constructor({ width, height }: Size) {
    this.#to = { width, height };
  }

  /** The picture itself when it has the size already. */
  async scale(picture: VideoFrame): Promise<VideoFrame> {
    const { width, height } = this.#to;
    if (picture.width === width && picture.height === height) return picture;
    const data = new Uint8Array(i420Bytes(this.#to));
    const done = await this.#contextFor(picture).scale(...planes(picture), 0, picture.height, ...planes({ width, height, data }));
    if (done < 0) throw new AvatarError('render_failed', 'A picture could not be scaled.');
    return { width, height, data };
  }

  close(): void {
    this.#context?.freeContext();
    this.#context = undefined;
    this.#from = undefined;
  }

  #contextFor({ width, height }: Size): SoftwareScaleContext {
    if (this.#context && this.#from?.width === width && this.#from.height === height) return this.#context;
    this.close();
    const context = new SoftwareScaleContext();
    context.getContext(width, height, AV_PIX_FMT_YUV420P, this.#to.width, this.#to.height, AV_PIX_FMT_YUV420P, SWS_BILINEAR);
    this.#context = context;
    this.#from = { width, height };
    return context;
  }
}

/** Views of its three planes, and how long their rows are. */
function planes({ width, height, data }: VideoFrame): [Buffer[], number[]] {
  const luma = width * height;
  const [u, v, end] = [luma, luma + luma / 4, luma + luma / 2];
  const view = (from: number, to: number): Buffer => Buffer.from(data.buffer, data.byteOffset + from, to - from);
  return [
    [view(0, u), view(u, v), view(v, end)],
    [width, width / 2, width / 2],
  ];
}
