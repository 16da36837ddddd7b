import { asAvatarError } from '#base/errors.ts';
import { aborted } from '#base/lifetime.ts';
import type { VideoFrame } from '#base/media.ts';
import type { Engine } from '#server/avatars/build.ts';
import type { Face } from '#server/avatars/face.ts';
import type { IdleLoops } from '#server/avatars/idle-loops.ts';
import { isSlow, type Phrases } from '#server/avatars/phrases.ts';
import type { Renderer } from '#server/render/renderer.ts';
import { say } from '#server/speech/speak.ts';
import type { Foundation } from './foundation.ts';
import { greetingOf } from './talk.ts';

interface Around extends Pick<Foundation, 'llm' | 'tts' | 'clock' | 'spending'> {
  readonly phrases: Phrases;
  readonly engineOf: (face: Face) => Engine;
}

/** Says a face's greeting to nobody, so that it is at hand when somebody comes. What is quickly drawn is drawn then, in the pose of that moment. */
export async function makeGreeting(face: Face, around: Around, signal: AbortSignal): Promise<void> {
  const { phrases, spending, tts } = around;
  const { renderer, idleLoops } = around.engineOf(face);
  const key = greetingOf(face, tts);
  if (!key) return;
  const { recorded, ...speakers } = phrases.around(key, { tts, renderer }, () => Promise.resolve());
  const voices = { ...around, ...speakers, renderer: isSlow(renderer) ? speakers.renderer : blind(renderer) };
  let failure: unknown;
  const { frames } = say(key.text, voices, {
    voice: key,
    request: { avatar: face.key, idleFrame: 0, background: true, idleBefore: (_inMs, count) => lastOf(idleLoops, face, count) },
    signal,
    mark: () => undefined,
    renderFailed: (error) => (failure = error),
    spend: (usage) => spending.add(usage, {}),
  });
  for await (const _frame of frames) signal.throwIfAborted();
  await Promise.race([recorded, aborted(signal)]);
  signal.throwIfAborted();
  if (failure !== undefined) throw asAvatarError(failure);
}

/** The last pictures of the idle loop, which come before its first. */
async function lastOf(idleLoops: IdleLoops, { key }: Face, count: number): Promise<VideoFrame[]> {
  const loop = await idleLoops.get(key);
  const pictures: VideoFrame[] = [];
  for await (const picture of loop.pictures(loop.frames - (count % loop.frames))) {
    pictures.push(picture);
    if (pictures.length === count) break;
  }
  return pictures;
}

/** Hears everything and draws nothing. */
const blind = (renderer: Renderer): Renderer => ({
  name: renderer.name,
  geometry: renderer.geometry,
  expectedRtf: renderer.expectedRtf,
  stamped: renderer.stamped,
  idle: (avatar, signal) => renderer.idle(avatar, signal),
  close: () => Promise.resolve(),
  async *render(windows) {
    for await (const _window of windows) yield* [];
  },
});
