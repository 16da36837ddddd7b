import { TICKS_PER_SECOND } from '#base/media.ts';
import type { Packaged } from './packager.ts';

export interface Segment {
  /** Fragments, each starting with a keyframe. */
  readonly data: Uint8Array;
  /** Stage time of the first picture. */
  readonly ticks: number;
  readonly durationTicks: number;
}

/**
 * A viewer's keyframe request makes a short group of pictures; one below this is joined with the next. With groups of at most
 * a second, a segment then stays below the 1.5 s that a target duration of 1 allows (RFC 8216bis §4.4.3.1), late frames included.
 */
const MIN_SEGMENT_TICKS = 0.4 * TICKS_PER_SECOND;

/** Joins fragments to segments that are worth a request; the last may be shorter. */
export async function* segments(
  packaged: AsyncIterable<Packaged>,
): AsyncGenerator<{ init: Uint8Array } | Segment, void, undefined> {
  let open: Segment | undefined;
  for await (const item of packaged) {
    if (item.kind === 'init') {
      yield { init: item.data };
      continue;
    }
    open = open ? join(open, item) : item;
    if (open.durationTicks < MIN_SEGMENT_TICKS) continue;
    yield open;
    open = undefined;
  }
  if (open) yield open;
}

function join(first: Segment, next: Segment): Segment {
  return {
    data: Buffer.concat([first.data, next.data]),
    ticks: first.ticks,
    durationTicks: next.ticks + next.durationTicks - first.ticks,
  };
}
