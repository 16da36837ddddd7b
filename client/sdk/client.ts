import type { PromptBody } from '#protocol/http.ts';
import type { AnswerOf, StateEvent } from '#protocol/signalling.ts';
import { Emitter } from './emitter.ts';
import { asClientError, ClientError, serverError } from './errors.ts';
import { createToken, obtainSession, playlistUrl, stageStatus, transcript } from './http.ts';
import { Media } from './media.ts';
import { Owned } from './owned.ts';
import { Reports } from './reports.ts';
import { Signalling, type SignallingEvents } from './signalling.ts';
import { Sound } from './sound.ts';
import { Subtitles } from './subtitles.ts';
import type { AvatarEvents, Connection, ConnectOptions, JoinedSession, LoggedTurn, Snapshot } from './types.ts';

const STATS_EVERY = 5_000;
/** How long after a failed `join` another is asked for while HLS plays, ms. */
const JOIN_AGAIN = 3_000;

/** What exists once there is a session. */
interface Parts {
  readonly signalling: Signalling;
  readonly media: Media;
  readonly subtitles: Subtitles;
  readonly reports: Reports;
}

/**
 * One viewer of one session: picture and sound in a video element, and the conversation beside it. Made by `connect`.
 * It reconnects by itself until `close()`, or until the session is gone (`connection.status` is then `ended`).
 */
export class AvatarClient extends Emitter<AvatarEvents> {
  /** Everything there is to show; replaced, never changed. */
  snapshot: Snapshot = {
    connection: { status: 'connecting', transport: undefined, reason: undefined },
    session: undefined,
    state: undefined,
    caption: undefined,
    sound: { blocked: false, muted: false, volume: 1 },
    error: undefined,
  };
  readonly #server: URL;
  readonly #options: ConnectOptions;
  readonly #owned = new Owned();
  readonly #sound = new Sound((sound) => {
    this.#update({ sound });
    this.emit('sound', sound);
  });
  #parts: Parts | undefined;
  #video: HTMLVideoElement | undefined;
  #wasLive = false;

  private constructor(options: ConnectOptions) {
    super();
    this.#options = options;
    this.#server = new URL(options.url ?? location.href);
  }

  /** @see connect */
  static open(options: ConnectOptions): AvatarClient {
    const client = new AvatarClient(options);
    void client.#start();
    return client;
  }

  /** Plays in this element from now on; its `srcObject`, `src`, `muted` and `volume` belong to the client. */
  attach(video: HTMLVideoElement): void {
    this.#video = video;
    this.#sound.attach(video);
    this.#parts?.media.attach(video);
  }

  /** Says something to the avatar (`chat`), or lets it say the text as it is (`say`). Host only. @throws ClientError */
  async prompt(text: string, mode: PromptBody['mode'] = 'chat'): Promise<{ utteranceId: string }> {
    return this.#signalling.request('prompt', { text, mode });
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
    return turns.map(({ utteranceId, mode, prompt, spoken, state }) => ({
      utteranceId,
      mode,
      ...(prompt === undefined ? {} : { prompt }),
      ...(spoken === '' ? {} : { spoken }),
      ...(state === 'done' || state === 'interrupted' || state === 'failed' ? { outcome: state } : {}),
    }));
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
    this.#parts?.media.retryWebRtc();
  }

  /** Leaves the session, which goes on for its other viewers. Idempotent. */
  close(): void {
    this.#owned.close();
    if (this.snapshot.caption) this.#update({ caption: undefined });
    this.#showConnection();
  }

  get #signalling(): Signalling {
    if (!this.#parts) throw new ClientError('not_ready', 'There is no connection to the server yet.');
    return this.#parts.signalling;
  }

  async #start(): Promise<void> {
    try {
      const credentials = await obtainSession(this.#server, this.#options, this.#owned, (error) => this.#report(error));
      this.#setSession({ ...credentials, role: undefined, avatar: undefined, size: undefined });
      this.#open(credentials);
    } catch (error) {
      this.#end(asClientError(error));
    }
  }

  #open(session: { id: string; token: string }): void {
    if (this.#owned.state === 'closed') return;
    const signalling = Signalling.open(this.#server, session.token);
    this.#owned.defer(() => signalling.close());
    const media = Media.open(signalling, playlistUrl(this.#server, session), this.#options.transport ?? 'auto');
    this.#owned.defer(() => media.close());
    this.#owned.defer(() => this.#sound.close());
    const subtitles = Subtitles.open({
      owned: this.#owned,
      status: () => stageStatus(this.#server, session, this.#owned.signal),
      playingMs: () => media.playingMs,
      onCaption: (caption) => {
        this.#update({ caption });
        this.emit('caption', caption);
      },
    });
    this.#parts = { signalling, media, subtitles, reports: new Reports(signalling) };
    this.#watch(this.#parts);
    if (this.#video) media.attach(this.#video);
  }

  #watch(parts: Parts): void {
    const { signalling, media, reports } = parts;
    signalling.on('connected', () => this.#join(parts));
    signalling.on('lost', (error) => {
      this.#report(error);
      media.lost();
      this.#showConnection();
    });
    signalling.on('refused', (error) => this.#end(error));
    signalling.on('event', (event) => this.#heard(event, parts));
    media.on('change', () => {
      if (media.phase === 'ended' && this.#owned.state === 'open') {
        return this.#end(new ClientError('unsupported', media.reason ?? 'This browser can play neither WebRTC nor HLS.'));
      }
      this.#showConnection();
    });
    media.on('error', (error) => {
      if (error.isFinal) return this.#end(error);
      reports.log('warn', error.message, { code: error.code, phase: media.phase });
    });
    // A join without media ends what the server keeps for one that had it; where that fails the server gives it up by itself.
    media.on('unneeded', () => void signalling.request('join', { receive: false }).catch(() => undefined));
    this.#owned.every(STATS_EVERY, () => void this.#measure(parts).catch(() => undefined));
  }

  #join(parts: Parts): void {
    const { signalling, media, subtitles } = parts;
    const joined = signalling.request('join', { receive: media.wantsTransport });
    media.signalled(joined);
    joined.then(
      (answer) => this.#joined(answer, subtitles),
      (thrown: unknown) => {
        const error = asClientError(thrown);
        if (error.isFinal) return this.#end(error);
        this.#report(error);
        // WebRTC leads to another join by itself; HLS plays on without one.
        this.#owned.after(JOIN_AGAIN, () => media.phase === 'hls' && signalling.isConnected && this.#join(parts));
      },
    );
    void subtitles.sync();
  }

  #joined({ role, avatar, stage, state }: AnswerOf<'join'>, subtitles: Subtitles): void {
    const { session } = this.snapshot;
    if (!session || this.#owned.state === 'closed') return;
    subtitles.begin(stage);
    this.#update({ error: undefined });
    this.#setSession({ ...session, role, avatar, size: { width: stage.width, height: stage.height } });
    this.#setState(state);
    this.#showConnection();
  }

  #heard({ name, value }: SignallingEvents['event'][0], { subtitles }: Parts): void {
    switch (name) {
      case 'state':
        return this.#setState(value);
      case 'caption':
        return subtitles.add(value);
      case 'turn':
        subtitles.ended(value);
        return this.emit('turn', value);
      case 'segment_published':
        return this.emit('segment', value);
      case 'error':
        return this.#report(serverError(value));
    }
  }

  async #measure({ media, reports }: Parts): Promise<void> {
    const stats = await media.measure();
    if (!stats) return;
    this.emit('stats', stats);
    reports.stats(stats);
  }

  #setSession(session: JoinedSession): void {
    this.#update({ session });
    this.emit('session', session);
  }

  #setState(state: StateEvent): void {
    this.#update({ state });
    this.emit('state', state);
    if (state.state === 'closed') this.#end(new ClientError('session_closed', state.reason ?? 'The session is over.'));
  }

  #showConnection(): void {
    const before = this.snapshot.connection;
    const connection = this.#connection();
    if (connection.status === before.status && connection.transport === before.transport && connection.reason === before.reason)
      return;
    if (connection.transport !== before.transport) {
      this.#parts?.reports.log(
        'info',
        `watching by ${connection.transport ?? 'nothing'}`,
        connection.reason ? { reason: connection.reason } : {},
      );
    }
    this.#update({ connection });
    this.emit('connection', connection);
  }

  #connection(): Connection {
    const { signalling, media } = this.#parts ?? {};
    const transport = media?.phase === 'hls' ? 'hls' : media?.hasPicture ? 'webrtc' : undefined;
    const isLive =
      signalling?.isConnected === true && media?.hasPicture === true && (media.phase === 'webrtc' || media.phase === 'hls');
    this.#wasLive ||= isLive;
    const isEnded = this.#owned.state === 'closed' || media?.phase === 'ended';
    const status = isEnded ? 'ended' : isLive ? 'live' : this.#wasLive ? 'reconnecting' : 'connecting';
    return { status, transport: isEnded ? undefined : transport, reason: media?.reason };
  }

  /** Something is wrong, and may pass. */
  #report(error: ClientError): void {
    if (this.#owned.state === 'closed') return;
    this.#update({ error });
    this.emit('error', error);
    this.#parts?.reports.log('error', error.message, { code: error.code });
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
