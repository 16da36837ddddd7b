import type { VideoFrame } from '#base/media.ts';

/** A picture between two of the same size; `weight` 0 is the first, 1 the second. */
export function mix(from: VideoFrame, to: VideoFrame, weight: number): VideoFrame {
  const share = Math.round(weight * 256);
  const rest = 256 - share;
  const data = new Uint8Array(to.data.length);
  const a = from.data;
  const b = to.data;
  for (let i = 0; i < data.length; i += 1) data[i] = ((a[i] as number) * rest + (b[i] as number) * share) >> 8;
  return { width: to.width, height: to.height, data };
}
