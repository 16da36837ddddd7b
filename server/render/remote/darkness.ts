import type { VideoFrame } from '#base/media.ts';

/** Brightness is looked at in so many places. */
const PLACES = 256;
/** A picture darker than this, where the one before was brighter than that, has gone wrong: engines that compute nonsense draw black. */
const DARK = 24;
const BRIGHT = 40;

export const wentDark = (before: VideoFrame | undefined, now: VideoFrame): boolean =>
  before !== undefined && brightness(now) < DARK && brightness(before) > BRIGHT;

function brightness({ width, height, data }: VideoFrame): number {
  const pixels = width * height;
  // No divisor of a usual width, so that the places don't lie in one column.
  const step = Math.max(1, Math.floor(pixels / PLACES)) | 1;
  let sum = 0;
  let count = 0;
  for (let at = 0; at < pixels; at += step, count += 1) sum += data[at]!;
  return sum / count;
}
