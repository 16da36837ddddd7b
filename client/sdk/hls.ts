import type Hls from 'hls.js';
import { ClientError } from './errors.ts';
import { Owned } from './owned.ts';

/** The stage as it comes over HLS. */
export interface HlsPlayer {
  /** The Unix ms the playlist gives to what is playing; undefined before that is known. */
  readonly playingMs: number | undefined;
  close(): void;
}

/** Called once, when the stream can't go on. */
type OnFailed = (error: ClientError) => void;

/** Plays `url` in `video` by the browser's own player or by hls.js, which is only loaded here. @throws ClientError */
export async function playHls(
  video: HTMLVideoElement,
  url: string,
  by: 'native' | 'mse',
  onFailed: OnFailed,
  signal: AbortSignal,
): Promise<HlsPlayer> {
  const owned = new Owned();
  signal.addEventListener('abort', () => owned.close());
  try {
    return await (by === 'native' ? playNatively(video, url, onFailed, owned) : playByMse(video, url, onFailed, owned, signal));
  } catch (error) {
    owned.close();
    throw error;
  }
}

function playNatively(video: HTMLVideoElement, url: string, onFailed: OnFailed, owned: Owned): HlsPlayer {
  owned.listen(video, 'error', () =>
    onFailed(new ClientError('hls_unavailable', video.error?.message ?? 'The HLS stream stopped.')),
  );
  owned.defer(() => {
    video.removeAttribute('src');
    video.load();
  });
  video.src = url;
  return {
    get playingMs() {
      const startMs = (video as AppleVideo).getStartDate?.().getTime() ?? NaN;
      return Number.isNaN(startMs) ? undefined : startMs + video.currentTime * 1_000;
    },
    close: () => owned.close(),
  };
}

/** https://html.spec.whatwg.org/#dom-media-getstartdate, which only Safari has. */
type AppleVideo = HTMLVideoElement & { getStartDate?(): Date };

async function playByMse(
  video: HTMLVideoElement,
  url: string,
  onFailed: OnFailed,
  owned: Owned,
  signal: AbortSignal,
): Promise<HlsPlayer> {
  const { default: Player, ErrorTypes, Events } = await import('hls.js/light');
  signal.throwIfAborted();
  // The stage is live: near its edge, with a little haste when it falls behind. No blob: worker, for pages with a strict CSP.
  const hls: Hls = new Player({
    liveSyncDurationCount: 1,
    liveMaxLatencyDurationCount: 5,
    maxLiveSyncPlaybackRate: 1.1,
    backBufferLength: 10,
    enableWorker: false,
  });
  owned.defer(() => hls.destroy());
  let mended = false;
  hls.on(Events.ERROR, (_, { fatal, type, details, error }) => {
    if (!fatal) return;
    if (type === ErrorTypes.MEDIA_ERROR && !mended) {
      mended = true;
      hls.recoverMediaError();
      return;
    }
    onFailed(new ClientError('hls_unavailable', `The HLS stream stopped (${details}).`, { cause: error }));
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  return {
    get playingMs() {
      return hls.playingDate?.getTime();
    },
    close: () => owned.close(),
  };
}
