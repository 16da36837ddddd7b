import { FPS, RENDERER_SAMPLES_PER_FRAME, type VideoFrame, type Window } from '#base/media.ts';
import type { Geometry } from '../renderer.ts';

/**
 * Frames that are drawn on silence for an idle loop. They are shown forwards and then backwards, so that the end leads back to the beginning whatever
 * the engine drew: 126 there and 124 back are ten seconds.
 */
export const DRAWN = 126;
export const LOOP = 2 * DRAWN - 2;
if (LOOP % FPS !== 0) throw new Error('an idle loop lasts whole seconds');

/** Windows of silence. */
export async function* silence({
  freshFrames,
  overlapFrames,
  lookAheadFrames = 0,
}: Geometry): AsyncGenerator<Window, void, undefined> {
  for (let startFrame = 0, index = 0; startFrame < DRAWN; startFrame += freshFrames, index += 1) {
    const fresh = Math.min(freshFrames, DRAWN - startFrame);
    yield await Promise.resolve({
      index,
      startFrame,
      overlapFrames,
      freshFrames: fresh,
      samples: new Int16Array((overlapFrames + fresh) * RENDERER_SAMPLES_PER_FRAME),
      ahead: new Int16Array(lookAheadFrames * RENDERER_SAMPLES_PER_FRAME),
      clause: { index: 0, text: '' },
      endOfClause: startFrame + fresh === DRAWN,
    });
  }
}

/** All of `pictures`, then back to the second. */
export async function* thereAndBack(pictures: AsyncIterable<VideoFrame>): AsyncGenerator<VideoFrame, void, undefined> {
  const drawn: VideoFrame[] = [];
  for await (const picture of pictures) {
    drawn.push(picture);
    yield picture;
  }
  for (let at = drawn.length - 2; at > 0; at -= 1) yield drawn[at]!;
}
