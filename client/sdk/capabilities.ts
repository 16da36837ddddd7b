/** What this browser can play; `undefined` where it can, else why not, in words for the viewer. */
export interface Capabilities {
  readonly webrtc: string | undefined;
  readonly hls: 'native' | 'mse' | undefined;
}

/** The browser's own objects, handed in so that other browsers can be tried. */
export interface Browser {
  readonly RTCPeerConnection?: unknown;
  readonly RTCRtpReceiver?: { getCapabilities?(kind: string): { codecs: { mimeType: string }[] } | null };
  readonly MediaSource?: unknown;
  readonly ManagedMediaSource?: unknown;
  readonly navigator: { readonly vendor?: string };
  canPlayType(type: string): string;
}

const PLAYLIST = 'application/vnd.apple.mpegurl';

export function capabilities(browser: Browser): Capabilities {
  return { webrtc: whyNoWebRtc(browser), hls: hlsPlayer(browser) };
}

/** The browser this runs in. */
export function thisBrowser(): Browser {
  const video = document.createElement('video');
  const { RTCPeerConnection, RTCRtpReceiver, MediaSource, ManagedMediaSource, navigator } = globalThis as unknown as Browser;
  return {
    RTCPeerConnection,
    RTCRtpReceiver,
    MediaSource,
    ManagedMediaSource,
    navigator,
    canPlayType: (type) => video.canPlayType(type),
  } as Browser;
}

function whyNoWebRtc({ RTCPeerConnection, RTCRtpReceiver }: Browser): string | undefined {
  if (!RTCPeerConnection) return 'this browser has no WebRTC';
  // Old browsers don't tell: they find out by trying.
  const codecs = RTCRtpReceiver?.getCapabilities?.('video')?.codecs;
  if (codecs?.every(({ mimeType }) => mimeType.toLowerCase() !== 'video/h264')) return 'this browser has no H.264 over WebRTC';
  return undefined;
}

/** Apple's own player is the better one there; elsewhere "maybe" from canPlayType promises less than Media Source Extensions do. */
function hlsPlayer({ MediaSource, ManagedMediaSource, navigator, canPlayType }: Browser): Capabilities['hls'] {
  const native = canPlayType(PLAYLIST) !== '';
  if (native && navigator.vendor?.startsWith('Apple')) return 'native';
  if (MediaSource ?? ManagedMediaSource) return 'mse';
  return native ? 'native' : undefined;
}
