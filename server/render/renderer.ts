import type { DrawnFrame, Size, VideoFrame, Window } from '#base/media.ts';

/** The shape of the windows a renderer wants. */
export interface Geometry extends Size {
  /** At most so many fresh frames per window; the last window of a clause may have fewer. */
  readonly freshFrames: number;
  readonly overlapFrames: number;
}

export interface RenderRequest {
  readonly avatar: string;
  /** Frame of the idle loop that is expected on air when this utterance starts, so that the pose goes on from there. */
  readonly idleFrame: number;
}

/**
 * Draws frames from windows. Yields ascending frame numbers, each at most once, only frames that some window named as fresh;
 * pulls the next window only when it is done with the one before and can work on it: what lies between is taken for the window's time. Aborting `signal` ends the stream quietly within one window.
 * Failure rejects with an AvatarError `render_failed`.
 */
export interface Renderer {
  readonly name: string;
  readonly geometry: Geometry;
  /** Expected time to draw one second of pictures, s. */
  readonly expectedRtf: number;
  /** True when each released picture gets the stage's frame number stamped in (the test card); idle is then encoded live. */
  readonly stamped: boolean;
  render(windows: AsyncIterable<Window>, request: RenderRequest, signal: AbortSignal): AsyncIterable<DrawnFrame>;
  /** The avatar's idle loop: a whole number of seconds at 25 fps whose last frame leads back to its first. */
  idle(avatar: string, signal: AbortSignal): AsyncIterable<VideoFrame>;
  close(reason: string): Promise<void>;
}
