import { MS_PER_FRAME, RENDERER_SAMPLES_PER_FRAME, type DrawnFrame, type Window } from '#base/media.ts';
import type { Geometry, Renderer, RenderRequest, RenderWatch } from '../renderer.ts';
import { Scaler } from './scaling.ts';

/** Who draws where the first engine can't in time. */
export interface Understudy {
  readonly renderer: Renderer;
  /** Whether it could draw that avatar now. */
  can(avatar: string): boolean | Promise<boolean>;
}

/** The frames of a window from `from` on, drawn by another renderer, in the size that is wanted; each says why. */
export async function* drawnBy(
  renderer: Renderer,
  window: Window,
  from: number,
  {
    request,
    size,
    why,
    signal,
    watch,
  }: { request: RenderRequest; size: Geometry; why: string; signal: AbortSignal; watch: RenderWatch },
): AsyncGenerator<DrawnFrame, void, undefined> {
  const scaler = new Scaler(size);
  try {
    const windows = rewindowed(window, from, renderer.geometry);
    for await (const { frame, picture } of renderer.render(windows, request, signal, watchOf(window, watch))) {
      const { width, height, data } = await scaler.scale(picture);
      yield { frame, picture: { width, height, data, lesser: why } };
    }
  } finally {
    await scaler.close();
  }
}

/** The same instants; what an understudy leaves out, the next one may still draw. */
const watchOf = (window: Window, watch: RenderWatch): RenderWatch => ({
  due({ startFrame }) {
    const { at, onAir } = watch.due(window);
    return { at: at + (startFrame - window.startFrame) * MS_PER_FRAME, onAir };
  },
  draws: (pace) => watch.draws(pace),
  waits: (until, why) => watch.waits(until, why),
  leavesOut: () => undefined,
});

/** A window's fresh frames from `from` on in windows of another geometry. */
async function* rewindowed(window: Window, from: number, geometry: Geometry): AsyncGenerator<Window, void, undefined> {
  const { freshFrames, overlapFrames, lookAheadFrames = 0 } = geometry;
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
    const ahead = aheadOf(window, start + fresh - first, lookAheadFrames);
    yield await Promise.resolve({ ...place, samples, ahead, clause, endOfClause: endOfClause && start + fresh === end });
  }
}

/** The sound of `frames` frames from the window's frame `at` on, as far as it is known. */
function aheadOf({ samples, ahead }: Window, at: number, frames: number): Int16Array {
  const sound = new Int16Array(frames * RENDERER_SAMPLES_PER_FRAME);
  const within = samples.subarray(at * RENDERER_SAMPLES_PER_FRAME).subarray(0, sound.length);
  sound.set(within);
  if (ahead) sound.set(ahead.subarray(0, sound.length - within.length), within.length);
  return sound;
}
