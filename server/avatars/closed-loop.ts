import { AvatarError } from '#base/errors.ts';
import { FPS, type VideoFrame } from '#base/media.ts';
import { mix } from '#server/media/mix.ts';

/** The loop's end fades into what comes before its beginning for so long, frames. */
const FADE = 12;

/** A clip of `length` pictures as a loop of whole seconds whose last picture leads to its first. Rejects with `bad_request` when it is too short. */
export async function* closedLoop(
  pictures: AsyncIterable<VideoFrame>,
  length: number,
): AsyncGenerator<VideoFrame, void, undefined> {
  const frames = Math.floor((length - FADE) / FPS) * FPS;
  if (frames < FPS)
    throw new AvatarError(
      'bad_request',
      `The clip has ${length} pictures at ${FPS} a second; a loop needs at least ${FPS + FADE}.`,
    );
  const before: VideoFrame[] = [];
  let frame = 0;
  for await (const picture of pictures) {
    if (before.length < FADE) {
      before.push(picture);
      continue;
    }
    const into = before[frame - (frames - FADE)];
    if (into) mix(picture.data, into.data, (frame - (frames - FADE) + 1) / (FADE + 1), picture.data);
    yield picture;
    frame += 1;
    if (frame === frames) return;
  }
}
