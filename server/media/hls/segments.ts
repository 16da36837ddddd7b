import { TICKS_PER_SECOND } from '#base/media.ts';
import type { Packaged } from './packager.ts';

export interface Segment {
  /** Fragments, each starting with a keyframe. */
  readonly data: Uint8Array;
  /** Stage time of the first picture. */
  readonly ticks: number;
  readonly durationTicks: number;
}

/** A stream that was begun near the end of a second begins with a short group of pictures; one below this is joined with the next. */
const MIN_SEGMENT_TICKS = 0.4 * TICKS_PER_SECOND;
/** A target duration of 1 allows segments below this (RFC 8216bis §4.4.3.1); groups of pictures last a second at most. */
const MAX_SEGMENT_TICKS = 1.5 * TICKS_PER_SECOND;

/** Joins fragments to segments of the stage's seconds, however many keyframes those have: a viewer's request or a face that listens makes more. The last may be shorter. */
export async function* segments(
  packaged: AsyncIterable<Packaged>,
): AsyncGenerator<{ init: Uint8Array } | Segment, void, undefined> {
  let open: Segment | undefined;
  for await (const item of packaged) {
    if (item.kind === 'init') {
      yield { init: item.data };
      continue;
    }
    const joined = open ? join(open, item) : item;
    if (open && joined.durationTicks >= MAX_SEGMENT_TICKS) yield open;
    open = joined.durationTicks < MAX_SEGMENT_TICKS ? joined : item;
    if (open.durationTicks < MIN_SEGMENT_TICKS || !isPastSecond(open)) continue;
    yield open;
    open = undefined;
  }
  if (open) yield open;
}

const isPastSecond = ({ ticks, durationTicks }: Segment): boolean =>
  Math.floor((ticks + durationTicks) / TICKS_PER_SECOND) > Math.floor(ticks / TICKS_PER_SECOND);

function join(first: Segment, next: Segment): Segment {
  return {
    data: Buffer.concat([first.data, next.data]),
    ticks: first.ticks,
    durationTicks: next.ticks + next.durationTicks - first.ticks,
  };
}
