import type { ImageFate, ImageShown } from '#protocol/http.ts';
import { problemOf, type MicrophoneProblem } from './capture.ts';
import { Emitter } from './emitter.ts';
import { asClientError } from './errors.ts';
import { Owned } from './owned.ts';
import type { Signalling } from './signalling.ts';
import { sightSources, Viewfinder, type SightSource } from './viewfinder.ts';

/** Why nothing is shown, or an image was not seen; for programs, the page has the words. */
export type SightProblem =
  | Extract<MicrophoneProblem, 'unsupported' | 'denied' | 'no_device' | 'busy' | 'unplugged'>
  /** The image could not be sent; the prompt went without it. */
  | 'not_sent'
  /** The image came too late, and the turn was answered without it. */
  | 'missed'
  /** The model, or the server, takes no images. */
  | 'refused';

export interface SightState {
  /** What may be shown: this client is the host, the server's model sees, and the browser has it. Empty until that is known. */
  readonly sources: readonly SightSource[];
  /** off; asking: the browser asks for leave; on: each turn brings one image. */
  readonly status: 'off' | 'asking' | 'on';
  /** The one that is on, or asked for. */
  readonly source: SightSource | undefined;
  /** The one that was asked for last. */
  readonly wanted: SightSource | undefined;
  readonly problem: SightProblem | undefined;
  /** What is shown, to be shown to its user as well. */
  readonly stream: MediaStream | undefined;
  /** Images that the server has taken since it is on. */
  readonly sent: number;
}

/** How images get to the server. */
export interface SightWay {
  readonly signalling: Signalling;
  send(image: Blob, signal: AbortSignal): Promise<ImageShown>;
}

/** How long a prompt waits for its image to be on the server, ms. */
const PATIENCE = 4_000;

/** What the host lets the avatar see: nothing but one image with each turn, taken at its moment, while it is on. */
export class Sight extends Emitter<{ change: [SightState] }> {
  state: SightState = {
    sources: [],
    status: 'off',
    source: undefined,
    wanted: undefined,
    problem: undefined,
    stream: undefined,
    sent: 0,
  };
  readonly #owned = new Owned();
  #viewfinder: Viewfinder | undefined;
  #way: SightWay | undefined;
  /** Counts what was asked of the browser: only the newest answer is taken. */
  #asked = 0;

  /** Asks the browser, and begins. To be called by a touch, click or key. */
  async start(source: SightSource): Promise<void> {
    if (this.#owned.state === 'closed') return;
    this.#off(undefined);
    const asked = this.#asked;
    this.#set({ status: 'asking', source, wanted: source, problem: undefined, sent: 0 });
    try {
      const viewfinder = await Viewfinder.open(source);
      if (asked !== this.#asked) return viewfinder.close();
      this.#viewfinder = viewfinder;
      // Who ends it beside the page knows that it has ended; a camera that is pulled out may not have been meant.
      viewfinder.onEnded(() => this.#off(source === 'camera' ? 'unplugged' : undefined));
      this.#set({ status: 'on', stream: viewfinder.stream });
      this.#tell();
    } catch (error) {
      if (asked === this.#asked) this.#off(problemOf(error) as SightProblem);
    }
  }

  /** Lets the camera or the screen go. */
  stop(): void {
    this.#off(undefined);
  }

  /** The server let this client in. A connection that is another one knows nothing of what it shows. */
  joined(way: SightWay, { mayShow, isNew }: { readonly mayShow: boolean; readonly isNew: boolean }): void {
    this.#way = way;
    this.#set({ sources: mayShow ? sightSources() : [] });
    if (!mayShow) this.#off(this.state.status === 'off' ? undefined : 'refused');
    else if (isNew && this.state.status === 'on') this.#tell();
  }

  /** An image of now, on the server; undefined where nothing is shown, or it can't be sent. Never rejects. */
  async show(): Promise<string | undefined> {
    const viewfinder = this.#viewfinder;
    if (!viewfinder || !this.#way) return undefined;
    try {
      const image = await viewfinder.take();
      const { imageId } = await this.#way.send(image, AbortSignal.timeout(PATIENCE));
      if (viewfinder === this.#viewfinder) this.#set({ sent: this.state.sent + 1, problem: undefined });
      return imageId;
    } catch {
      if (viewfinder === this.#viewfinder) this.#set({ problem: 'not_sent' });
      return undefined;
    }
  }

  /** What became of a turn's image. */
  told(fate: ImageFate | undefined): void {
    if (this.state.status !== 'on') return;
    // Each turn would be asked twice for nothing.
    if (fate === 'refused') this.#off('refused');
    if (fate === 'missed') this.#set({ problem: 'missed' });
  }

  close(): void {
    this.#off(undefined);
    this.#owned.close();
  }

  #off(problem: SightProblem | undefined): void {
    this.#asked += 1;
    const viewfinder = this.#viewfinder;
    this.#viewfinder = undefined;
    viewfinder?.close();
    if (this.state.status !== 'off' || problem) this.#set({ status: 'off', source: undefined, stream: undefined, problem });
    if (viewfinder) this.#tell();
  }

  #tell(): void {
    this.#way?.signalling.request('show', { on: this.#viewfinder !== undefined }).catch((thrown: unknown) => {
      const { code } = asClientError(thrown);
      // Anything else is said again with the next connection.
      if (this.#viewfinder && (code === 'conflict' || code === 'forbidden' || code === 'bad_request')) this.#off('refused');
    });
  }

  #set(change: Partial<SightState>): void {
    this.state = { ...this.state, ...change };
    this.emit('change', this.state);
  }
}
