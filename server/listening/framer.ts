import { MICROPHONE_RATE, type MicrophoneChunk } from '#base/media.ts';

/** Samples that are judged at a time. */
const FRAME = 512;
export const FRAME_MS = (FRAME * 1_000) / MICROPHONE_RATE;
export const SILENT_FRAME = new Int16Array(FRAME);

interface Frame {
  readonly samples: Int16Array;
  /** Clock ms when its last sample was there. */
  readonly at: number;
}

/** Cuts a microphone's sound into frames of 512 samples. */
export class Framer {
  #rest = new Int16Array(0);

  *take({ samples, at }: MicrophoneChunk): Generator<Frame> {
    const all = new Int16Array(this.#rest.length + samples.length);
    all.set(this.#rest);
    all.set(samples, this.#rest.length);
    let from = 0;
    for (; from + FRAME <= all.length; from += FRAME) {
      const after = all.length - from - FRAME;
      yield { samples: all.subarray(from, from + FRAME), at: at - (after * 1_000) / MICROPHONE_RATE };
    }
    this.#rest = all.slice(from);
  }
}
