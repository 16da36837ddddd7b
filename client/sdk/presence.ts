import type { AnswerOf, Look, MicrophoneClosed, StateEvent } from '#protocol/signalling.ts';
import { Emitter } from './emitter.ts';
import { asClientError, ClientError, serverError } from './errors.ts';
import { playlistUrl, stageStatus, type Credentials } from './http.ts';
import { Media } from './media.ts';
import { Owned } from './owned.ts';
import { Painted } from './painted.ts';
import type { TransportChoice } from './plan.ts';
import { Reports } from './reports.ts';
import { Signalling, type SignallingEvents } from './signalling.ts';
import { Subtitles } from './subtitles.ts';
import type { AvatarEvents, Connection } from './types.ts';

const STATS_EVERY = 5_000;
/** How often it is looked whether sound and picture have moved against each other, ms: long enough for 30 looks at the sound. */
const GLANCE_EVERY = 1_500;
/** How long after a failed `join` another is asked for while HLS plays, ms. */
const JOIN_AGAIN = 3_000;

export type PresenceEvents = Pick<AvatarEvents, 'state' | 'caption' | 'hostCaption' | 'turn' | 'segment' | 'stats' | 'error'> & {
  /** New: over another connection than before. */
  joined: [answer: AnswerOf<'join'>, isNew: boolean];
  /** The connection is back, and nothing was lost with it. */
  recovered: [];
  /** The server closed this client's microphone. */
  microphoneclosed: [MicrophoneClosed];
  /** A turn that is spoken wants to see what this client shows. */
  look: [Look];
  /** What `connection` says may have changed. */
  change: [];
  /** It is over, for good. */
  over: [ClientError];
};

/** This viewer's presence in a session: the socket, the picture's way, captions and reports, and how they come back together. */
export class Presence extends Emitter<PresenceEvents> {
  readonly signalling: Signalling;
  readonly media: Media;
  readonly reports: Reports;
  readonly #owned = new Owned();
  readonly #subtitles: Subtitles;
  readonly #painted = new Painted();
  #wasLive = false;
  /** No answer to `join` has come over this connection yet. */
  #isNew = true;

  private constructor(server: URL, session: Credentials, choice: TransportChoice) {
    super();
    this.signalling = Signalling.open(server, session.token);
    this.#owned.defer(() => this.signalling.close());
    this.media = Media.open(this.signalling, playlistUrl(server, session), choice);
    this.#owned.defer(() => this.media.close());
    this.reports = new Reports(this.signalling);
    this.#subtitles = Subtitles.open({
      owned: this.#owned,
      status: () => stageStatus(server, session, this.#owned.signal),
      playingMs: () => this.media.playingMs,
      onCaption: (caption, who) => this.emit(who === 'host' ? 'hostCaption' : 'caption', caption),
    });
  }

  static open(server: URL, session: Credentials, choice: TransportChoice): Presence {
    const presence = new Presence(server, session, choice);
    presence.#watchSignalling();
    presence.#watchMedia();
    return presence;
  }

  get connection(): Connection {
    const { signalling, media } = this;
    const plays = media.hasPicture && (media.phase === 'webrtc' || media.phase === 'hls');
    const isLive = signalling.isConnected && plays;
    this.#wasLive ||= isLive;
    if (this.#owned.state === 'closed' || media.phase === 'ended') {
      return { status: 'ended', transport: undefined, reason: media.reason };
    }
    const transport = media.phase === 'hls' ? 'hls' : media.hasPicture ? 'webrtc' : undefined;
    return { status: isLive ? 'live' : this.#wasLive ? 'reconnecting' : 'connecting', transport, reason: media.reason };
  }

  close(): void {
    this.#owned.close();
  }

  #watchSignalling(): void {
    this.signalling.on('connected', (isRecovered) => {
      this.#isNew ||= !isRecovered;
      if (!isRecovered || !this.media.recovered()) return this.#join();
      this.emit('recovered');
      this.emit('change');
    });
    this.signalling.on('lost', (error) => {
      this.emit('error', error);
      this.media.lost();
      this.emit('change');
    });
    this.signalling.on('refused', (error) => this.emit('over', error));
    this.signalling.on('event', (event) => this.#heard(event));
  }

  #watchMedia(): void {
    const { signalling, media, reports } = this;
    media.on('change', () => {
      if (media.phase === 'ended' && this.#owned.state === 'open') {
        const why = media.reason ?? 'This browser can play neither WebRTC nor HLS.';
        return this.emit('over', new ClientError('unsupported', why));
      }
      this.emit('change');
    });
    media.on('error', (error) => {
      if (error.isFinal) return this.emit('over', error);
      reports.log('warn', error.message, { code: error.code, phase: media.phase });
    });
    // A join without media ends what the server keeps for one that had it; where that fails the server gives it up by itself.
    media.on('unneeded', () => void signalling.request('join', { receive: false }).catch(() => undefined));
    media.on('rejoin', () => signalling.isConnected && this.#join());
    media.on('picture', (rtpTimestamp, paintedMs, shownMs) => {
      this.#subtitles.picture(rtpTimestamp, shownMs);
      reports.painted(this.#painted.shown(rtpTimestamp, paintedMs));
    });
    this.#owned.every(STATS_EVERY, () => void this.#measure().catch(() => undefined));
    this.#owned.every(GLANCE_EVERY, () => void this.#glance().catch(() => undefined));
  }

  #join(): void {
    const { signalling, media } = this;
    const joined = signalling.request('join', { receive: media.wantsTransport });
    media.signalled(joined);
    joined.then(
      (answer) => this.#joined(answer),
      (thrown: unknown) => {
        const error = asClientError(thrown);
        if (error.isFinal) return this.emit('over', error);
        this.emit('error', error);
        // WebRTC leads to another join by itself; HLS plays on without one.
        this.#owned.after(JOIN_AGAIN, () => media.phase === 'hls' && signalling.isConnected && this.#join());
      },
    );
    void this.#subtitles.sync();
  }

  #joined(answer: AnswerOf<'join'>): void {
    if (this.#owned.state === 'closed') return;
    this.#subtitles.begin(answer.stage);
    this.emit('joined', answer, this.#isNew);
    this.#isNew = false;
    this.#tell(answer.state);
    this.emit('change');
  }

  #heard({ name, value }: SignallingEvents['event'][0]): void {
    switch (name) {
      case 'state':
        return this.#tell(value);
      case 'caption':
        if (value.who !== 'host') this.reports.painted(this.#painted.expect(value));
        return this.#subtitles.add(value);
      case 'turn':
        this.#subtitles.ended(value);
        return this.emit('turn', value);
      case 'segment_published':
        return this.emit('segment', value);
      case 'microphone_closed':
        return this.emit('microphoneclosed', value);
      case 'look':
        return this.emit('look', value);
      case 'rejoin':
        return this.media.moved(value.withinMs);
      case 'error':
        return this.emit('error', serverError(value));
    }
  }

  #tell(state: StateEvent): void {
    this.emit('state', state);
    if (state.state === 'closed') this.emit('over', new ClientError('session_closed', state.reason ?? 'The session is over.'));
  }

  async #measure(): Promise<void> {
    const measured = await this.media.measure();
    if (!measured) return;
    this.emit('stats', measured.stats);
    this.reports.stats(measured);
  }

  async #glance(): Promise<void> {
    const sync = await this.media.glance();
    if (sync) this.reports.stats({ stats: {}, sync });
  }
}
