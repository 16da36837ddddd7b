import type { AnswerOf } from '#protocol/signalling.ts';
import { Attempt, type Measured } from './attempt.ts';
import { backoff } from './backoff.ts';
import { capabilities, thisBrowser } from './capabilities.ts';
import { Emitter } from './emitter.ts';
import { asClientError, type ClientError } from './errors.ts';
import { watchFlow } from './flow.ts';
import { playHls } from './hls.ts';
import { onNetworkChange } from './network.ts';
import { Owned } from './owned.ts';
import { onPicture } from './picture.ts';
import {
  decide,
  FIRST_PICTURE,
  ICE_RESTART,
  type Decision,
  type Phase,
  type PlanEvent,
  type Situation,
  type TransportChoice,
} from './plan.ts';
import type { Signalling } from './signalling.ts';
import type { Offset } from './sync-meter.ts';
import { prepareReceiver, WebRtc, type Receiver } from './webrtc.ts';

export type MediaEvents = {
  /** Phase, reason or picture changed. */
  change: [];
  error: [ClientError];
  /** A picture that came over WebRTC is on the screen: its RTP timestamp, when it was painted and when that is shown, ms of `performance.now()`. */
  picture: [rtpTimestamp: number, paintedMs: number, shownMs: number];
  /** The transport that `join` gave is of no more use. */
  unneeded: [];
  /** Another `join` is needed, on whatever connection there is. */
  rejoin: [];
};

/** How long each phase may take, ms. */
const LIMITS: Partial<Record<Phase, number>> = { starting: FIRST_PICTURE, restarting: ICE_RESTART };

/** The picture's way to the video element, by whichever transport works: carries out what plan.ts decides. */
export class Media extends Emitter<MediaEvents> {
  phase: Phase = 'waiting';
  /** Why it is in this phase, in words, where that isn't the usual. */
  reason: string | undefined;
  /** A frame of the present attempt has been seen. */
  hasPicture = false;
  readonly #signalling: Signalling;
  readonly #playlist: string;
  #situation: Situation;
  #receiver: Receiver | undefined;
  #joined: Promise<AnswerOf<'join'>> | undefined;
  #video: HTMLVideoElement | undefined;
  /** What is being tried or plays. */
  #attempt: Attempt | undefined;
  /** What the video element has: the attempt before, until the present one has something to show. */
  #shown: Attempt | undefined;
  /** What the element plays over WebRTC. Tracks are exchanged in it, so that the last picture stays until there is another. */
  #stream: MediaStream | undefined;
  readonly #owned = new Owned();
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor(signalling: Signalling, playlist: string, situation: Situation) {
    super();
    this.#signalling = signalling;
    this.#playlist = playlist;
    this.#situation = situation;
  }

  static open(signalling: Signalling, playlist: string, choice: TransportChoice): Media {
    const media = new Media(signalling, playlist, { choice, can: capabilities(thisBrowser()), isProven: false, tries: 0 });
    media.#prepare();
    onNetworkChange(media.#owned, () => media.#take('changed'));
    return media;
  }

  /** Whether `join` should bring a transport. */
  get wantsTransport(): boolean {
    return this.phase !== 'hls' && this.#situation.choice !== 'hls' && !this.#situation.can.webrtc;
  }

  /** For HLS: the Unix ms the playlist gives to what is playing. */
  get playingMs(): number | undefined {
    return this.#attempt?.hls?.playingMs;
  }

  /** The element to play in; what there is to play comes as soon as both are there. */
  attach(video: HTMLVideoElement): void {
    if (video === this.#video) return;
    this.#video = video;
    if (this.#attempt?.webrtc) this.#show(this.#attempt);
    else if (this.phase === 'hls') void this.#playHls();
  }

  /** The socket is connected and `join` asked. */
  signalled(joined: Promise<AnswerOf<'join'>>): void {
    this.#joined = joined;
    this.#take('signalled');
  }

  /** The socket is connected again and the server knows this client. False where that helps nothing and `join` is needed. */
  recovered(): boolean {
    this.#take('recovered');
    return this.phase !== 'waiting' && this.phase !== 'starting';
  }

  lost(): void {
    this.#take('lost');
  }

  /** The server has thrown the path away; another is to be had by `join`, after a random part of `withinMs`. */
  moved(withinMs: number): void {
    this.#take('moved', Math.random() * withinMs);
  }

  /** Leaves HLS for another try at WebRTC. */
  retryWebRtc(): void {
    if (this.phase !== 'hls') return;
    this.#situation = { ...this.#situation, choice: 'auto' };
    this.#prepare();
    this.#take('retry');
  }

  /** What the element plays over WebRTC; undefined before it does, and over HLS. */
  get stream(): MediaStream | undefined {
    return this.#stream;
  }

  /** What was measured since the last call; undefined without a picture. */
  async measure(): Promise<Measured | undefined> {
    return this.hasPicture ? this.#attempt?.measure() : undefined;
  }

  /** How far sound and picture are apart, where that has changed since it was last told. */
  async glance(): Promise<Offset | undefined> {
    return this.hasPicture ? this.#attempt?.glance() : undefined;
  }

  close(): void {
    this.#take('end');
  }

  /** Asks the browser what it can receive, while the socket connects. */
  #prepare(): void {
    if (this.#situation.choice === 'hls' || this.#situation.can.webrtc) return;
    try {
      this.#receiver ??= prepareReceiver();
    } catch (error) {
      this.#situation = { ...this.#situation, can: { ...this.#situation.can, webrtc: asClientError(error).message } };
    }
  }

  /** @param waitMs before joining again, if it comes to that; default: the longer the more tries have failed */
  #take(event: PlanEvent, waitMs?: number): void {
    const before = this.phase;
    const { phase, step, reason } = decide(before, event, this.#situation);
    if (phase === before && step === 'nothing') return;
    this.phase = phase;
    if (step !== 'nothing' || phase === 'webrtc') this.reason = reason;
    this.#limit(phase);
    void this.#carryOut(step, waitMs);
    if (before === 'starting' && phase === 'hls') this.emit('unneeded');
    this.emit('change');
  }

  #limit(phase: Phase): void {
    clearTimeout(this.#timer);
    const limit = LIMITS[phase];
    if (limit !== undefined) this.#timer = setTimeout(() => void this.#late(), limit);
  }

  async #late(): Promise<void> {
    const attempt = this.#attempt;
    if (this.phase === 'starting' && (await attempt?.isDecoding())) this.#seen(attempt);
    else this.#take('late');
  }

  async #carryOut(step: Decision['step'], waitMs: number | undefined): Promise<void> {
    switch (step) {
      case 'receive':
        return this.#receive();
      case 'play-hls':
        return this.#playHls();
      case 'restart-ice':
        return this.#restartIce(this.#attempt);
      case 'rejoin':
        this.#rejoin(waitMs);
        return;
      case 'stop':
        this.#owned.close();
        this.#attempt?.close();
        this.#shown?.close();
        return;
      case 'nothing':
    }
  }

  async #restartIce(attempt: Attempt | undefined): Promise<void> {
    try {
      await attempt?.webrtc?.restartIce();
    } catch (thrown) {
      const error = asClientError(thrown);
      this.emit('error', error);
      // Without an answer, the phase's limit or the socket that comes back leads on.
      if (error.code !== 'unreachable' && error.code !== 'timeout' && attempt === this.#attempt) this.#take('failed');
    }
  }

  #rejoin(waitMs: number | undefined): void {
    const { tries } = this.#situation;
    this.#situation = { ...this.#situation, tries: tries + 1 };
    this.#timer = setTimeout(() => this.emit('rejoin'), waitMs ?? (tries === 0 ? 0 : backoff(tries - 1)));
  }

  async #receive(): Promise<void> {
    const attempt = this.#begin();
    try {
      if (!this.#joined || !this.#receiver) return;
      const joined = await this.#joined;
      const lost = (how: 'broken' | 'failed') => attempt === this.#attempt && this.#take(how);
      attempt.webrtc = await WebRtc.open(this.#signalling, joined, this.#receiver, { lost }, attempt.owned.signal);
      this.#show(attempt);
    } catch (error) {
      this.#failed(attempt, error);
    }
  }

  async #playHls(): Promise<void> {
    const attempt = this.#begin();
    const video = this.#video;
    const by = this.#situation.can.hls;
    // Without an element it begins as soon as there is one.
    if (!video || !by) return;
    this.#replaceShown(attempt);
    this.#stream = undefined;
    video.srcObject = null;
    onPicture(video, attempt.owned, () => this.#seen(attempt));
    try {
      attempt.hls = await playHls(video, this.#playlist, by, (error) => this.#failed(attempt, error), attempt.owned.signal);
    } catch (error) {
      this.#failed(attempt, error);
    }
  }

  #begin(): Attempt {
    if (this.#attempt !== this.#shown) this.#attempt?.close();
    this.hasPicture = false;
    return (this.#attempt = new Attempt());
  }

  #show(attempt: Attempt): void {
    if (!this.#video || !attempt.webrtc) return;
    const tracks = attempt.webrtc.stream.getTracks();
    const before = this.#stream?.getTracks() ?? [];
    this.#stream ??= new MediaStream();
    for (const track of tracks) this.#stream.addTrack(track);
    for (const track of before) if (!tracks.includes(track)) this.#stream.removeTrack(track);
    if (this.#video.srcObject !== this.#stream) this.#video.srcObject = this.#stream;
    this.#replaceShown(attempt);
    onPicture(this.#video, attempt.owned, () => this.#seen(attempt));
    attempt.watch(this.#video, (...seen) => this.emit('picture', ...seen));
  }

  #replaceShown(attempt: Attempt): void {
    if (this.#shown !== attempt) this.#shown?.close();
    this.#shown = attempt;
  }

  #seen(attempt: Attempt | undefined): void {
    if (!attempt || attempt !== this.#attempt || this.hasPicture) return;
    this.hasPicture = true;
    this.#situation = { ...this.#situation, tries: 0, isProven: this.#situation.isProven || attempt.webrtc !== undefined };
    if (attempt.webrtc) this.#watch(attempt);
    this.#take('picture');
    this.emit('change');
  }

  #watch(attempt: Attempt): void {
    const take = (event: PlanEvent) => attempt === this.#attempt && this.#take(event);
    watchFlow(() => attempt.packets(), attempt.owned, { silent: () => take('silent'), flowing: () => take('flowing') });
  }

  #failed(attempt: Attempt, thrown: unknown): void {
    if (attempt !== this.#attempt || attempt.owned.state === 'closed') return;
    const error = asClientError(thrown);
    this.emit('error', error);
    if (!error.isFinal) this.#take('failed');
  }
}
