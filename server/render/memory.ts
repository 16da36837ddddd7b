import { i420Bytes, type Size, type VideoFrame } from '#base/media.ts';

/** Spare pictures kept at most: what one window and what is ready on a stage need. */
const MAX_SPARE = 48;

/** Memory of pictures, I420, used over again: 10 MB/s that are new each time make the garbage collector stop the server every second. */
export class PictureMemory {
  readonly #size: Size;
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];

  constructor({ width, height }: Size) {
    this.#size = { width, height };
  }

  /** Room for one picture, with something in it. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#spare.pop() ?? new Uint8Array(i420Bytes(this.#size));
  }

  /** A picture whose `free` gives its memory back here; who never calls it leaves it to the garbage collector. */
  picture(data: Uint8Array<ArrayBuffer>): VideoFrame {
    let used = true;
    return {
      ...this.#size,
      data,
      free: () => {
        if (used && this.#spare.length < MAX_SPARE) this.#spare.push(data);
        used = false;
      },
    };
  }
}
