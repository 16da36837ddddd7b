import type { Owned } from './owned.ts';

/** Calls `seen` for each picture of a WebRTC stream that `video` shows, where the browser tells which it is and when (ms of `performance.now()`) it is on the screen. */
export function watchPictures(
  video: HTMLVideoElement,
  owned: Owned,
  seen: (rtpTimestamp: number, shownMs: number) => void,
): void {
  if (!('requestVideoFrameCallback' in video)) return;
  const next: VideoFrameRequestCallback = (_now, { rtpTimestamp, expectedDisplayTime }) => {
    if (owned.state === 'closed') return;
    handle = video.requestVideoFrameCallback(next);
    if (rtpTimestamp !== undefined) seen(rtpTimestamp, expectedDisplayTime);
  };
  let handle = video.requestVideoFrameCallback(next);
  owned.defer(() => video.cancelVideoFrameCallback(handle));
}

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
