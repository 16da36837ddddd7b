import type { PromptBody } from '#protocol/http.ts';
import type { AnswerOf } from '#protocol/signalling.ts';
import { Emitter } from './emitter.ts';
import { asClientError, ClientError } from './errors.ts';
import {
  createToken,
  obtainSession,
  showImage,
  transcript,
  transcriptFile,
  type Credentials,
  type TranscriptFormat,
} from './http.ts';
import { Microphone } from './microphone.ts';
import { Owned } from './owned.ts';
import { Presence } from './presence.ts';
import { Sight } from './sight.ts';
import type { Signalling } from './signalling.ts';
import { Sound } from './sound.ts';
import type { AvatarEvents, Connection, ConnectOptions, JoinedSession, LoggedTurn, Snapshot } from './types.ts';

/**
 * One viewer of one session: picture and sound in a video element, and the conversation beside it. Made by `connect`.
 * It reconnects by itself until `close()`, or until the session is gone (`connection.status` is then `ended`).
 */
export class AvatarClient extends Emitter<AvatarEvents> {
  /** The host's own, off until it is started. */
  readonly microphone = new Microphone();
  /** The host's camera or screen, off until it is started; each turn then brings one image of it. */
  readonly sight = new Sight();
  /** Everything there is to show; replaced, never changed. */
  snapshot: Snapshot = {
    connection: { status: 'connecting', transport: undefined, reason: undefined },
    session: undefined,
    state: undefined,
    caption: undefined,
    hostCaption: undefined,
    sound: { blocked: false, muted: false, volume: 1 },
    microphone: this.microphone.state,
    sight: this.sight.state,
    error: undefined,
  };
  readonly #server: URL;
  readonly #options: ConnectOptions;
  readonly #owned = new Owned();
  readonly #sound = new Sound((sound) => {
    this.#update({ sound });
    this.emit('sound', sound);
  });
  /** Once there is a session. */
  #presence: Presence | undefined;
  #video: HTMLVideoElement | undefined;

  private constructor(options: ConnectOptions) {
    super();
    this.#options = options;
    this.#server = new URL(options.url ?? location.href);
  }

  /** @see connect */
  static open(options: ConnectOptions): AvatarClient {
    const client = new AvatarClient(options);
    client.#owned.defer(() => client.microphone.close());
    client.microphone.on('change', (microphone) => {
      client.#update({ microphone });
      client.emit('microphone', microphone);
    });
    client.#owned.defer(() => client.sight.close());
    client.sight.on('change', (sight) => {
      client.#update({ sight });
      client.emit('sight', sight);
    });
    void client.#start();
    return client;
  }

  /** Plays in this element from now on; its `srcObject`, `src`, `muted` and `volume` belong to the client. */
  attach(video: HTMLVideoElement): void {
    this.#video = video;
    this.#sound.attach(video);
    this.#presence?.media.attach(video);
  }

  /** What plays there over WebRTC, for a recorder or a canvas; undefined before it does, and over HLS. */
  get stream(): MediaStream | undefined {
    return this.#presence?.media.stream;
  }

  /** Says something to the avatar (`chat`), with an image of now while `sight` is on, or lets it say the text as it is (`say`). Host only. @throws ClientError */
  async prompt(text: string, mode: PromptBody['mode'] = 'chat'): Promise<{ utteranceId: string }> {
    const signalling = this.#signalling;
    const image = mode === 'chat' ? await this.sight.show() : undefined;
    return signalling.request('prompt', { text, mode, ...(image === undefined ? {} : { image }) });
  }

  /** Cuts what is being said, and what waits to be. Host only. @throws ClientError */
  async interrupt(): Promise<void> {
    await this.#signalling.request('control', { action: 'interrupt' });
  }

  /** A link for someone to watch this session without a voice in it. @throws ClientError */
  async viewerLink(): Promise<string> {
    const { session } = this.snapshot;
    if (!session) throw new ClientError('not_ready', 'There is no session yet.');
    const { urls } = await createToken(this.#server, session, 'viewer', this.#owned.signal);
    return new URL(urls.page, this.#server).href;
  }

  /** What was said so far, oldest first. @throws ClientError */
  async transcript(): Promise<LoggedTurn[]> {
    const { session } = this.snapshot;
    if (!session) throw new ClientError('not_ready', 'There is no session yet.');
    const { turns } = await transcript(this.#server, session, this.#owned.signal);
    return turns.map(({ utteranceId, mode, prompt, image, spoken, state, askedAt, startedAt }) => ({
      utteranceId,
      mode,
      askedAt,
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(prompt === undefined ? {} : { prompt }),
      ...(image === undefined ? {} : { image }),
      ...(spoken === '' ? {} : { spoken }),
      ...(state === 'done' || state === 'interrupted' || state === 'failed' ? { outcome: state } : {}),
    }));
  }

  /** The same as a file: who said what when, with what was interrupted. @throws ClientError */
  async transcriptFile(format: TranscriptFormat): Promise<Blob> {
    const { session } = this.snapshot;
    if (!session) throw new ClientError('not_ready', 'There is no session yet.');
    return transcriptFile(this.#server, session, format, this.#owned.signal);
  }

  /** Must be called by a touch, click or key while `sound.blocked`. */
  unmute(): void {
    this.#sound.unmute();
  }

  mute(): void {
    this.#sound.mute();
  }

  /** @param volume 0–1 */
  setVolume(volume: number): void {
    this.#sound.setVolume(volume);
  }

  /** While watching by HLS: tries WebRTC once more. */
  retryWebRtc(): void {
    this.#presence?.media.retryWebRtc();
  }

  /** Leaves the session, which goes on for its other viewers. Idempotent. */
  close(): void {
    this.#owned.close();
    if (this.snapshot.caption ?? this.snapshot.hostCaption) this.#update({ caption: undefined, hostCaption: undefined });
    this.#showConnection();
  }

  get #signalling(): Signalling {
    if (!this.#presence) throw new ClientError('not_ready', 'There is no connection to the server yet.');
    return this.#presence.signalling;
  }

  async #start(): Promise<void> {
    try {
      const credentials = await obtainSession(this.#server, this.#options, this.#owned, (error) => this.#report(error));
      this.#setSession({ ...credentials, role: undefined, avatar: undefined, size: undefined });
      this.#enter(credentials);
    } catch (error) {
      this.#end(asClientError(error));
    }
  }

  #enter(session: Credentials): void {
    if (this.#owned.state === 'closed') return;
    const presence = Presence.open(this.#server, session, this.#options.transport ?? 'auto');
    this.#presence = presence;
    this.#owned.defer(() => presence.close());
    this.#owned.defer(() => this.#sound.close());
    this.#watch(presence, session);
    if (this.#video) presence.media.attach(this.#video);
  }

  #watch(presence: Presence, session: Credentials): void {
    presence.on('joined', (answer, isNew) => {
      this.#joined(answer);
      const { signalling } = presence;
      this.microphone.joined({ signalling, rtpCapabilities: answer.rtpCapabilities }, isNew);
      const send = (image: Blob, signal: AbortSignal) => showImage(this.#server, session, image, signal);
      this.sight.joined({ signalling, send }, { mayShow: answer.sees && answer.role === 'host', isNew });
    });
    presence.on('recovered', () => {
      this.#update({ error: undefined });
      this.microphone.recovered();
    });
    presence.on('microphoneclosed', (closed) => this.microphone.closed(closed));
    presence.on('state', (state) => {
      this.#update({ state });
      this.emit('state', state);
    });
    presence.on('caption', (caption) => {
      this.#update({ caption });
      this.emit('caption', caption);
    });
    presence.on('hostCaption', (hostCaption) => {
      this.#update({ hostCaption });
      this.emit('hostCaption', hostCaption);
    });
    presence.on('look', () => void this.sight.show());
    presence.on('turn', (turn) => {
      this.sight.told(turn.image);
      this.emit('turn', turn);
    });
    presence.on('segment', (segment) => this.emit('segment', segment));
    presence.on('stats', (stats) => this.emit('stats', stats));
    presence.on('error', (error) => this.#report(error));
    presence.on('over', (error) => this.#end(error));
    presence.on('change', () => this.#showConnection());
  }

  #joined({ role, avatar, stage }: AnswerOf<'join'>): void {
    const { session } = this.snapshot;
    if (!session) return;
    this.#update({ error: undefined });
    this.#setSession({ ...session, role, avatar, size: { width: stage.width, height: stage.height } });
  }

  #setSession(session: JoinedSession): void {
    this.#update({ session });
    this.emit('session', session);
  }

  #showConnection(): void {
    const before = this.snapshot.connection;
    const connection = this.#connection();
    const { status, transport, reason } = connection;
    if (status === before.status && transport === before.transport && reason === before.reason) return;
    if (transport !== before.transport) {
      this.#presence?.reports.log('info', `watching by ${transport ?? 'nothing'}`, reason ? { reason } : {});
    }
    this.#update({ connection });
    this.emit('connection', connection);
  }

  #connection(): Connection {
    if (this.#presence) return this.#presence.connection;
    return { status: this.#owned.state === 'closed' ? 'ended' : 'connecting', transport: undefined, reason: undefined };
  }

  /** Something is wrong, and may pass. */
  #report(error: ClientError): void {
    if (this.#owned.state === 'closed') return;
    this.#update({ error });
    this.emit('error', error);
    this.#presence?.reports.log('error', error.message, { code: error.code });
  }

  /** It is over. */
  #end(error: ClientError): void {
    this.#report(error);
    this.close();
  }

  #update(change: Partial<Snapshot>): void {
    this.snapshot = { ...this.snapshot, ...change };
    this.emit('change', this.snapshot);
  }
}
