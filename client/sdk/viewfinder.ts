import { IMAGE } from '#protocol/http.ts';
import { CaptureError, mediaDevices, problemOf } from './capture.ts';
import { Owned } from './owned.ts';

export type SightSource = 'camera' | 'screen';

/** The longer side of an image, px: what is written on a screen has to stay readable. */
const LONGER: Readonly<Record<SightSource, number>> = { camera: 1_024, screen: IMAGE.most };
/** How an image is made small enough, the best first: the share of its sides, and the quality of its JPEG. */
const TRIES = [
  { share: 1, quality: 0.82 },
  { share: 1, quality: 0.6 },
  { share: 0.75, quality: 0.5 },
  { share: 0.5, quality: 0.4 },
] as const;
/** Of a phone the one that looks away from its user, who wants something seen. */
const CAMERA: MediaTrackConstraints = { facingMode: { ideal: 'environment' }, width: { ideal: 1_280 }, frameRate: { ideal: 15 } };
/** How long a device may take to its first picture, ms. */
const FIRST_PICTURE = 3_000;

/** The sides of a picture made smaller to fit into a square, never larger. */
export function fitted(width: number, height: number, most: number): { width: number; height: number } {
  const share = Math.min(1, most / Math.max(width, height));
  const side = (length: number) => Math.max(1, Math.round(length * share));
  return { width: side(width), height: side(height) };
}

/** What this browser can show. */
export function sightSources(): readonly SightSource[] {
  const media = mediaDevices() as Partial<MediaDevices> | undefined;
  return [
    ...(media?.getUserMedia ? (['camera'] as const) : []),
    // Phones have none.
    ...(media?.getDisplayMedia ? (['screen'] as const) : []),
  ];
}

/** A camera or a screen that is open. Closing it lets it go, and its light goes out. */
export class Viewfinder {
  readonly stream: MediaStream;
  readonly #source: SightSource;
  readonly #video: HTMLVideoElement;
  readonly #owned = new Owned();

  private constructor(stream: MediaStream, source: SightSource, video: HTMLVideoElement) {
    this.stream = stream;
    this.#source = source;
    this.#video = video;
    this.#owned.defer(() => {
      for (const track of stream.getTracks()) track.stop();
      video.srcObject = null;
    });
  }

  /** Asks the browser, which asks its user. @throws CaptureError */
  static async open(source: SightSource): Promise<Viewfinder> {
    const media = mediaDevices();
    if (!media || !sightSources().includes(source)) throw new CaptureError('unsupported');
    const asked =
      source === 'camera'
        ? media.getUserMedia({ video: CAMERA })
        : media.getDisplayMedia({ video: { frameRate: { ideal: 5 } }, audio: false });
    const stream = await asked.catch((cause: unknown) => {
      throw new CaptureError(problemOf(cause), cause);
    });
    const video = document.createElement('video');
    Object.assign(video, { muted: true, playsInline: true, srcObject: stream });
    const viewfinder = new Viewfinder(stream, source, video);
    try {
      await viewfinder.#start();
      return viewfinder;
    } catch (cause) {
      viewfinder.close();
      throw new CaptureError('busy', cause);
    }
  }

  /** It was pulled out, or its user has ended it beside the page. */
  onEnded(ended: () => void): void {
    const [track] = this.stream.getVideoTracks();
    if (track) this.#owned.listen(track, 'ended', ended);
  }

  /** What is seen now, as a JPEG that the server takes. */
  async take(): Promise<Blob> {
    const { videoWidth, videoHeight } = this.#video;
    for (const { share, quality } of TRIES) {
      const { width, height } = fitted(videoWidth, videoHeight, LONGER[this.#source] * share);
      const canvas = new OffscreenCanvas(width, height);
      canvas.getContext('2d')?.drawImage(this.#video, 0, 0, width, height);
      const image = await canvas.convertToBlob({ type: 'image/jpeg', quality });
      if (image.size <= IMAGE.bytes) return image;
    }
    throw new Error('the image can not be made small enough');
  }

  close(): void {
    this.#owned.close();
  }

  async #start(): Promise<void> {
    const video = this.#video;
    const first = new Promise<void>((resolve, reject) => {
      this.#owned.listen(video, 'loadeddata', () => resolve());
      this.#owned.after(FIRST_PICTURE, () => reject(new Error('no picture came')));
    });
    await Promise.all([first, video.play()]);
  }
}
