import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { DrawnFrame, VideoFrame, Window } from '#base/media.ts';
import type { Geometry, Renderer, RenderRequest } from './renderer.ts';
import { orAborted, until } from './until.ts';

export interface ClipOptions {
  /** Of the stage's pictures; the windows are this renderer's own. */
  readonly size: Pick<Geometry, 'width' | 'height'>;
  /** The avatar's loop, once round. */
  readonly loop: (avatar: string, signal: AbortSignal) => AsyncIterable<VideoFrame>;
  /** The same from `frame` on, round and round. */
  readonly from: (avatar: string, frame: number, signal: AbortSignal) => AsyncIterable<VideoFrame>;
}

/** Frames per window: what is shown doesn't depend on what is heard, so there is nothing to wait for. */
const FRESH_FRAMES = 4;
/** Decoding a loop costs about a tenth of real time. */
const EXPECTED_RTF = 0.1;

/** Shows an avatar's clip as it is, whatever is said: for avatars that no renderer here can draw. The picture goes on through speech without a seam. */
export function clipRenderer({ size, loop, from }: ClipOptions): Renderer {
  const lifetime = new Lifetime();
  const check = (): void => {
    if (lifetime.state !== 'open') throw new AvatarError('render_failed', 'The clip renderer is closed.');
  };
  return {
    name: 'clip',
    geometry: { width: size.width, height: size.height, freshFrames: FRESH_FRAMES, overlapFrames: 0 },
    expectedRtf: EXPECTED_RTF,
    stamped: false,
    async *render(windows: AsyncIterable<Window>, request: RenderRequest, signal: AbortSignal): AsyncGenerator<DrawnFrame> {
      check();
      const stop = AbortSignal.any([signal, lifetime.signal]);
      let pictures: AsyncIterator<VideoFrame> | undefined;
      try {
        for await (const window of until(windows, stop)) {
          pictures ??= from(request.avatar, request.idleFrame + window.startFrame, stop)[Symbol.asyncIterator]();
          for (let frame = window.startFrame; frame < window.startFrame + window.freshFrames; frame += 1) {
            const next = await orAborted(pictures.next(), stop);
            if (!next || next.done) return;
            yield { frame, picture: next.value };
            if (stop.aborted) return;
          }
        }
      } finally {
        void pictures?.return?.(undefined).then(undefined, () => undefined);
      }
    },
    async *idle(avatar: string, signal: AbortSignal): AsyncGenerator<VideoFrame> {
      check();
      const stop = AbortSignal.any([signal, lifetime.signal]);
      for await (const picture of until(loop(avatar, stop), stop)) yield picture;
    },
    close: (reason) => lifetime.close(reason),
  };
}
