import type { MicrophoneClosed } from '#protocol/signalling.ts';
import { backoff } from './backoff.ts';
import { Capture, listDevices, mediaDevices, problemOf, type MicrophoneDevice, type MicrophoneProblem } from './capture.ts';
import { Emitter } from './emitter.ts';
import { asClientError, ClientError, type ClientErrorCode } from './errors.ts';
import { MicrophoneLink, type Path, type Way } from './microphone-link.ts';
import { onNetworkChange } from './network.ts';
import { Owned } from './owned.ts';

export interface MicrophoneState {
  /** off; asking: the browser asks for leave; connecting: it is open and on its way to the server, for the first time or again; on: it is heard. */
  readonly status: 'off' | 'asking' | 'connecting' | 'on';
  /** Why it is off, where nobody turned it off; also that another took its place while on (`unplugged`). */
  readonly problem: MicrophoneProblem | undefined;
  readonly isMuted: boolean;
  /** It is heard only while `hold(true)`. */
  readonly isPushToTalk: boolean;
  readonly isHeld: boolean;
  readonly devices: readonly MicrophoneDevice[];
  /** The one that is open, or was chosen. */
  readonly deviceId: string | undefined;
}

/** How long a path may take to stand, or to heal, ms. */
const PATIENCE = 4_000;
/** What another try won't change. */
const REFUSALS: Partial<Record<ClientErrorCode, MicrophoneProblem>> = {
  conflict: 'other_host',
  forbidden: 'refused',
  bad_request: 'refused',
  unsupported: 'unsupported',
};

/** The host's microphone, from the device to the server. Once it is on it comes back by itself, whatever happens on the way. */
export class Microphone extends Emitter<{ change: [MicrophoneState] }> {
  state: MicrophoneState = {
    status: 'off',
    problem: undefined,
    isMuted: false,
    isPushToTalk: false,
    isHeld: false,
    devices: [],
    deviceId: undefined,
  };
  readonly #owned = new Owned();
  #way: Way | undefined;
  #capture: Capture | undefined;
  #link: MicrophoneLink | undefined;
  #isLinking = false;
  #tries = 0;
  /** Cancels what is waited for: another try, or the end of patience. */
  #cancel: () => void = () => undefined;
  /** Counts what was asked of the browser: only the newest answer is taken. */
  #asked = 0;

  constructor() {
    super();
    onNetworkChange(this.#owned, () => this.#mend());
    const media = mediaDevices();
    if (media) this.#owned.listen(media, 'devicechange', () => void this.#devicesChanged().catch(() => undefined));
  }

  /** How loud it is now, 0–1; 0 while it isn't heard. */
  get level(): number {
    return this.#capture?.track.enabled ? this.#capture.level : 0;
  }

  /** Asks the browser, and begins. To be called by a touch, click or key. */
  async start(): Promise<void> {
    if (this.state.status !== 'off' || this.#owned.state === 'closed') return;
    this.#set({ isMuted: false });
    await this.#resume();
  }

  /** Lets the device go. */
  stop(): void {
    const wasOn = this.#capture !== undefined;
    this.#off(undefined);
    if (wasOn) this.#way?.signalling.request('control', { action: 'mute' }).catch(() => undefined);
  }

  mute(isMuted = true): void {
    this.#set({ isMuted });
  }

  /** Whether it is heard only while it is held. */
  pushToTalk(isPushToTalk: boolean): void {
    this.#set({ isPushToTalk, isHeld: false, isMuted: false });
  }

  /** With push-to-talk: the key or button is down. */
  hold(isHeld: boolean): void {
    if (isHeld !== this.state.isHeld) this.#set({ isHeld });
  }

  /** Goes on with this one, or will begin with it. */
  async choose(deviceId: string): Promise<void> {
    const { status } = this.state;
    this.#set({ deviceId, problem: undefined });
    if (status !== 'off') await this.#open(deviceId);
  }

  /** The server let this client in. A connection that is another one knows nothing of the microphone. */
  joined(way: Way, isNew: boolean): void {
    this.#way = way;
    if (isNew) this.#unlink();
    void this.#connect();
  }

  /** The connection is back, and the server knows this client. */
  recovered(): void {
    if (this.#link && !this.#link.isConnected) this.#mend();
    void this.#connect();
  }

  /** The server closed it. */
  closed({ transportId, reason }: MicrophoneClosed): void {
    if (transportId !== this.#link?.id) return;
    if (reason === 'taken_over') return this.#off('taken_over');
    this.#begin();
  }

  close(): void {
    this.#off(undefined);
    this.#owned.close();
  }

  async #resume(): Promise<void> {
    this.#set({ status: 'asking', problem: undefined });
    await this.#open(this.state.deviceId);
  }

  async #open(deviceId: string | undefined): Promise<void> {
    const asked = (this.#asked += 1);
    try {
      const capture = await Capture.open(deviceId).catch((error: unknown) => {
        // The one that was chosen is gone; there may be another.
        if (deviceId === undefined || problemOf(error) !== 'no_device') throw error;
        return Capture.open(undefined);
      });
      if (asked !== this.#asked) return capture.close();
      capture.onEnded(() => void this.#ended(capture));
      await this.#take(capture);
    } catch (error) {
      if (asked === this.#asked) this.#off(problemOf(error));
    }
  }

  async #take(capture: Capture): Promise<void> {
    const before = this.#capture;
    this.#capture = capture;
    this.#set({ status: this.#link?.isConnected ? 'on' : 'connecting', deviceId: capture.deviceId });
    await this.#link?.replace(capture.track).catch(() => this.#unlink());
    before?.close();
    void this.#connect();
    this.#set({ devices: await listDevices() });
  }

  /** It was pulled out: another one goes on where there is one. */
  async #ended(capture: Capture): Promise<void> {
    if (capture !== this.#capture) return;
    const devices = await listDevices().catch(() => []);
    if (capture !== this.#capture) return;
    this.#set({ devices, problem: 'unplugged' });
    if (devices.some(({ id }) => id !== capture.deviceId)) await this.#open(undefined);
    else this.#off('unplugged');
  }

  async #devicesChanged(): Promise<void> {
    const devices = await listDevices();
    this.#set({ devices });
    // What was missed is back, and as muted as it was.
    if (devices.length > 0 && this.state.status === 'off' && this.state.problem === 'unplugged') await this.#resume();
  }

  async #connect(): Promise<void> {
    const [capture, way] = [this.#capture, this.#way];
    if (!capture || !way?.signalling.isConnected || this.#link || this.#isLinking) return;
    this.#isLinking = true;
    this.#cancel();
    this.#set({ status: 'connecting' });
    try {
      const link = await MicrophoneLink.open(way, capture.track, (path) => this.#moved(path));
      await this.#linked(link, capture);
    } catch (thrown) {
      this.#failed(asClientError(thrown));
    } finally {
      this.#isLinking = false;
    }
  }

  async #linked(link: MicrophoneLink, capture: Capture): Promise<void> {
    // Turned off meanwhile, or another one chosen.
    if (!this.#capture) return link.close();
    if (this.#capture !== capture) await link.replace(this.#capture.track);
    this.#link = link;
    if (link.isConnected) this.#moved('connected');
    else this.#expect(link);
  }

  #failed({ code }: ClientError): void {
    if (!this.#capture) return;
    const problem = REFUSALS[code];
    if (problem) return this.#off(problem);
    this.#unlink();
    this.#cancel = this.#owned.after(backoff(this.#tries), () => void this.#connect());
    this.#tries += 1;
  }

  #moved(path: Path): void {
    const link = this.#link;
    if (!link) return;
    if (path === 'broken') return this.#mend();
    if (path === 'failed') return this.#begin();
    this.#cancel();
    this.#tries = 0;
    this.#set({ status: 'on' });
  }

  /** Tries to keep the path there is. */
  #mend(): void {
    const link = this.#link;
    if (!link) return;
    link.restartIce().catch(() => undefined);
    this.#expect(link);
  }

  /** A path that isn't there in time is made anew. */
  #expect(link: MicrophoneLink): void {
    this.#cancel();
    this.#cancel = this.#owned.after(PATIENCE, () => {
      if (link !== this.#link || link.isConnected) return;
      this.#failed(new ClientError('timeout', 'No path to the server was found.'));
    });
  }

  #begin(): void {
    this.#unlink();
    void this.#connect();
  }

  #unlink(): void {
    this.#cancel();
    this.#link?.close();
    this.#link = undefined;
    if (this.#capture) this.#set({ status: 'connecting' });
  }

  #off(problem: MicrophoneProblem | undefined): void {
    this.#asked += 1;
    const capture = this.#capture;
    this.#capture = undefined;
    this.#unlink();
    capture?.close();
    if (this.state.status !== 'off' || problem) this.#set({ status: 'off', problem, isHeld: false });
  }

  #set(change: Partial<MicrophoneState>): void {
    this.state = { ...this.state, ...change };
    const { isMuted, isPushToTalk, isHeld } = this.state;
    if (this.#capture) this.#capture.track.enabled = isPushToTalk ? isHeld : !isMuted;
    this.emit('change', this.state);
  }
}
