import { Owned } from './owned.ts';

/** Why a microphone can't be had, for programs; the page has the words. */
export type MicrophoneProblem =
  /** This browser, or a page that isn't served by https, has none to give. */
  | 'unsupported'
  /** Its user, or a policy, said no. */
  | 'denied'
  /** There is none, or not the one that was chosen. */
  | 'no_device'
  /** It was pulled out, and no other is there. */
  | 'unplugged'
  /** Another program has it. */
  | 'busy'
  /** Turned on elsewhere with the same link. */
  | 'taken_over'
  /** Another host's is on. */
  | 'other_host'
  /** The server refused it. */
  | 'refused';

export interface MicrophoneDevice {
  readonly id: string;
  /** As the system calls it; '' until the browser lets us know. */
  readonly label: string;
}

/** A microphone couldn't be had. */
export class CaptureError extends Error {
  readonly problem: MicrophoneProblem;

  constructor(problem: MicrophoneProblem, cause?: unknown) {
    super(`no microphone: ${problem}`, { cause });
    this.problem = problem;
  }
}

/** What is thrown by getUserMedia (https://www.w3.org/TR/mediacapture-streams/#dom-mediadevices-getusermedia). */
const PROBLEMS: Readonly<Record<string, MicrophoneProblem>> = {
  NotAllowedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'no_device',
  OverconstrainedError: 'no_device',
  NotReadableError: 'busy',
  AbortError: 'busy',
};

export const problemOf = (thrown: unknown): MicrophoneProblem =>
  thrown instanceof CaptureError
    ? thrown.problem
    : ((thrown instanceof Error ? PROBLEMS[thrown.name] : undefined) ?? 'unsupported');

/** Quieter than this is nothing, dBFS; from there to full scale the meter goes from 0 to 1. */
const FLOOR = -54;
/** A voice near its microphone stays below this, dBFS. */
const CEILING = -6;

/** How high a meter stands, 0–1, for samples of ±1. */
export function levelOf(samples: Float32Array): number {
  const power = samples.reduce((sum, sample) => sum + sample ** 2, 0) / Math.max(1, samples.length);
  const decibels = 10 * Math.log10(power + 1e-12);
  return Math.min(1, Math.max(0, (decibels - FLOOR) / (CEILING - FLOOR)));
}

/** The microphones there are. */
export async function listDevices(): Promise<MicrophoneDevice[]> {
  const devices = await mediaDevices()?.enumerateDevices();
  // Before it is allowed, browsers tell of one without a name.
  return (devices ?? [])
    .filter(({ kind, deviceId }) => kind === 'audioinput' && deviceId !== '')
    .map(({ deviceId, label }) => ({ id: deviceId, label }));
}

/** Where browsers tell of devices that come and go; undefined where they give none at all. */
export const mediaDevices = (): MediaDevices | undefined => (navigator as { readonly mediaDevices?: MediaDevices }).mediaDevices;

/** A microphone that is open. Closing it lets it go, and its light goes out. */
export class Capture {
  readonly track: MediaStreamTrack;
  readonly #owned: Owned;
  readonly #analyser: AnalyserNode;
  readonly #samples: Float32Array<ArrayBuffer>;

  private constructor(track: MediaStreamTrack, analyser: AnalyserNode, owned: Owned) {
    this.track = track;
    this.#analyser = analyser;
    this.#samples = new Float32Array(analyser.fftSize);
    this.#owned = owned;
  }

  /** The one with this id, or the system's choice. @throws CaptureError */
  static async open(deviceId: string | undefined): Promise<Capture> {
    const media = mediaDevices();
    if (!media) throw new CaptureError('unsupported');
    const audio: MediaTrackConstraints = {
      ...(deviceId === undefined ? {} : { deviceId: { exact: deviceId } }),
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      channelCount: 1,
    };
    const stream = await media.getUserMedia({ audio }).catch((cause: unknown) => {
      throw new CaptureError(problemOf(cause), cause);
    });
    const [track] = stream.getAudioTracks();
    if (!track) throw new CaptureError('no_device');
    const owned = new Owned();
    owned.defer(() => track.stop());
    const context = new AudioContext();
    owned.defer(() => void context.close());
    const analyser = context.createAnalyser();
    analyser.fftSize = 1_024;
    context.createMediaStreamSource(stream).connect(analyser);
    void context.resume();
    return new Capture(track, analyser, owned);
  }

  /** The one it is, where the browser tells. */
  get deviceId(): string | undefined {
    return this.track.getSettings().deviceId;
  }

  /** It was pulled out, or taken away. */
  onEnded(ended: () => void): void {
    this.#owned.listen(this.track, 'ended', ended);
  }

  /** How loud it is now, 0–1. */
  get level(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return levelOf(this.#samples);
  }

  close(): void {
    this.#owned.close();
  }
}
