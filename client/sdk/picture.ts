import type { Owned } from './owned.ts';

/** Calls `seen` once, when `video` shows its next frame. */
export function onPicture(video: HTMLVideoElement, owned: Owned, seen: () => void): void {
  if ('requestVideoFrameCallback' in video) {
    const handle = video.requestVideoFrameCallback(seen);
    owned.defer(() => video.cancelVideoFrameCallback(handle));
    return;
  }
  const stop = owned.listen(video, 'timeupdate', () => {
    stop();
    seen();
  });
}
