import { RENDERER_SAMPLES_PER_FRAME, type DrawnFrame, type Window } from '#base/media.ts';
import type { Geometry, Renderer, RenderRequest } from '../renderer.ts';
import { Scaler } from './scaling.ts';

/** The frames of a window from `from` on, drawn by another renderer, in the size that is wanted; each says why. */
export async function* drawnBy(
  renderer: Renderer,
  window: Window,
  from: number,
  { request, size, why, signal }: { request: RenderRequest; size: Geometry; why: string; signal: AbortSignal },
): AsyncGenerator<DrawnFrame, void, undefined> {
  const scaler = new Scaler(size);
  try {
    for await (const { frame, picture } of renderer.render(rewindowed(window, from, renderer.geometry), request, signal)) {
      const { width, height, data } = await scaler.scale(picture);
      yield { frame, picture: { width, height, data, lesser: why } };
    }
  } finally {
    await scaler.close();
  }
}

/** A window's fresh frames from `from` on in windows of another geometry. */
async function* rewindowed(window: Window, from: number, geometry: Geometry): AsyncGenerator<Window, void, undefined> {
  const { freshFrames, overlapFrames } = geometry;
  const end = window.startFrame + window.freshFrames;
  const first = window.startFrame - window.overlapFrames;
  for (let start = from, index = 0; start < end; start += freshFrames, index += 1) {
    const fresh = Math.min(freshFrames, end - start);
    const samples = new Int16Array((overlapFrames + fresh) * RENDERER_SAMPLES_PER_FRAME);
    const known = Math.max(first, start - overlapFrames);
    const sound = window.samples.subarray(
      (known - first) * RENDERER_SAMPLES_PER_FRAME,
      (start + fresh - first) * RENDERER_SAMPLES_PER_FRAME,
    );
    samples.set(sound, samples.length - sound.length);
    const { clause, endOfClause } = window;
    const place = { index, startFrame: start, freshFrames: fresh, overlapFrames };
    yield await Promise.resolve({ ...place, samples, clause, endOfClause: endOfClause && start + fresh === end });
  }
}
