import type { Blend } from '#base/expression.ts';
import type { DrawnFrame, Size, VideoFrame, Window } from '#base/media.ts';
import type { Pace } from '#base/pace.ts';

/** The shape of the windows a renderer wants. */
export interface Geometry extends Size {
  /** At most so many fresh frames per window; the last window of a clause may have fewer. */
  readonly freshFrames: number;
  readonly overlapFrames: number;
  /** Frames of sound it hears past the last one it draws; none when left out. */
  readonly lookAheadFrames?: number;
}

export interface RenderRequest {
  readonly avatar: string;
  /** Frame of the idle loop that is expected on air when this utterance starts, so that the pose goes on from there. */
  readonly idleFrame: number;
  /** What will be seen of each expression then; rest when left out. */
  readonly blend?: Blend;
  /** Whose utterance it is, for renderers whose work is done elsewhere. */
  readonly speech?: { readonly sessionId: string; readonly utteranceId: string; readonly traceId: string };
  /** Made to be kept: nobody waits for it, and conversations come first. */
  readonly background?: boolean;
  /** The `count` idle pictures that will be on air before the instant `inMs` from now, oldest first. */
  idleBefore?(inMs: number, count: number): Promise<readonly VideoFrame[]>;
}

/** When the first picture of a window is needed, clock ms, as far as known; and whether its clause is on air. */
export interface Due {
  readonly at: number;
  readonly onAir: boolean;
}

/** What a renderer that may have to wait, to begin anew or to give up tells about the window it has, and asks. */
export interface RenderWatch {
  due(window: Window): Due;
  /** Somebody of that pace sets to work on it, maybe anew. */
  draws(pace: Pace): void;
  /** Nobody can draw it before `until`, clock ms, where that is known. To be said each second. */
  waits(until: number | undefined, why: string): void;
  /** The rest of it will never be drawn. */
  leavesOut(why: string): void;
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
  render(
    windows: AsyncIterable<Window>,
    request: RenderRequest,
    signal: AbortSignal,
    watch?: RenderWatch,
  ): AsyncIterable<DrawnFrame>;
  /** The avatar's idle loop: a whole number of seconds at 25 fps whose last frame leads back to its first. */
  idle(avatar: string, signal: AbortSignal): AsyncIterable<VideoFrame>;
  /** The reel of its expressions (base/expression.ts), which go along with its idle loop; an avatar without keeps its idle loop. */
  expressions?(avatar: string, signal: AbortSignal): AsyncIterable<VideoFrame>;
  /** What its idle loop depends on, where that is known without drawing: an engine, a size, a reference picture. */
  look?(avatar: string): Promise<string>;
  close(reason: string): Promise<void>;
}
