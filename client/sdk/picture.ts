import type { Owned } from './owned.ts';

/**
 * Calls `seen` for each picture of a WebRTC stream that `video` shows, where the browser tells which it is: when it was painted, and when the
 * screen is expected to show that, at its next refresh or the one after (ms of `performance.now()`).
 */
export function watchPictures(
  video: HTMLVideoElement,
  owned: Owned,
  seen: (rtpTimestamp: number, paintedMs: number, shownMs: number) => void,
): void {
  if (!('requestVideoFrameCallback' in video)) return;
  const next: VideoFrameRequestCallback = (now, { rtpTimestamp, expectedDisplayTime }) => {
    if (owned.state === 'closed') return;
    handle = video.requestVideoFrameCallback(next);
    if (rtpTimestamp !== undefined) seen(rtpTimestamp, now, expectedDisplayTime);
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
