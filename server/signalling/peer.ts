import { EventEmitter } from 'node:events';
import { sleep, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { Role } from '#protocol/http.ts';
import type { Look, MicrophoneClosed } from '#protocol/signalling.ts';
import type { Limits } from '#server/auth/limits.ts';
import { TAKEN_OVER } from '#server/media/microphones.ts';
import type { MicrophonePort, ViewerPort } from '#server/sessions/ports.ts';
import type { Session } from '#server/sessions/session.ts';

export interface PeerOptions {
  /** The socket's id. */
  readonly id: string;
  readonly session: Session;
  readonly role: Role;
  /** Who it is: the same for all that come with the same token. */
  readonly who: string;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Log;
}

export type PeerEvents = {
  /** Its microphone was closed, and not by itself. */
  microphoneclose: [MicrophoneClosed];
  /** A turn wants to see what it shows. */
  look: [Look];
};

/** A transport may take so long to be made, ms. */
const OPEN_DEADLINE = 10_000;

/** One connected client: whom it is, the viewer it has once it has joined, and its microphone while it is on. */
export class Peer extends EventEmitter<PeerEvents> {
  readonly id: string;
  readonly session: Session;
  readonly role: Role;
  readonly limits: Limits;
  readonly log: Log;
  readonly #who: string;
  readonly #clock: Clock;
  readonly #life = new Lifetime();
  #joining = false;
  #viewer: ViewerPort | undefined;
  #microphone: MicrophonePort | undefined;
  #hide: () => void = () => undefined;

  constructor({ id, session, role, who, limits, clock, log }: PeerOptions) {
    super();
    this.id = id;
    this.session = session;
    this.role = role;
    this.limits = limits;
    this.log = log;
    this.#who = who;
    this.#clock = clock;
    this.#life.defer(session.enter());
    this.#life.defer((reason) => this.#viewer?.close(reason));
    this.#life.defer((reason) => this.closeMicrophone(reason));
    this.#life.defer(() => session.parts.stage.sync.forget(id));
    this.#life.defer(() => this.#hide());
  }

  /** Whether it receives media over WebRTC. */
  get isWatching(): boolean {
    return this.#viewer !== undefined;
  }

  /** Throws AvatarError `conflict` before `join`. */
  get viewer(): ViewerPort {
    if (!this.#viewer) throw new AvatarError('conflict', 'Send join first.');
    return this.#viewer;
  }

  /** Throws AvatarError `conflict` before `open_microphone`. */
  get microphone(): MicrophonePort {
    if (!this.#microphone) throw new AvatarError('conflict', 'Send open_microphone first.');
    return this.#microphone;
  }

  /** What has the transport with this id: its microphone, or else its viewer. Throws AvatarError `conflict` where it has neither. */
  transport(id: string): Pick<ViewerPort, 'connect' | 'restartIce'> {
    return id === this.#microphone?.transportOptions.id ? this.#microphone : this.viewer;
  }

  /** Opens a viewer; one that was there before is closed. Throws AvatarError `too_many_viewers`, `not_ready`, `conflict` while joining. */
  join(): Promise<ViewerPort> {
    return this.#joinOnce(() => this.#inTime(this.session.parts.viewers.open('webrtc')));
  }

  /** For who watches by HLS or not at all: closes the viewer that was there before. Throws AvatarError `conflict` while joining. */
  joinWithoutMedia(): Promise<undefined> {
    return this.#joinOnce(() => Promise.resolve(undefined));
  }

  /** Opens a way in for its microphone; one that was there before is closed. Throws AvatarError `conflict` while another host's is on, `not_ready`. */
  async openMicrophone(): Promise<MicrophonePort> {
    await this.closeMicrophone('opened again');
    const microphone = await this.#inTime(this.session.parts.viewers.openMicrophone(this.#who));
    this.#microphone = microphone;
    microphone.once('close', (reason) => {
      if (this.#microphone !== microphone) return;
      this.#microphone = undefined;
      this.emit('microphoneclose', closing(microphone.transportOptions.id, reason));
    });
    return microphone;
  }

  /** Nothing where it has none. */
  async closeMicrophone(reason: string): Promise<void> {
    const microphone = this.#microphone;
    this.#microphone = undefined;
    await microphone?.close(reason);
  }

  /** It has a camera or a screen to show, or has no more. Throws AvatarError `conflict` where the model doesn't see. */
  show(on: boolean): void {
    this.#hide();
    this.#hide = on ? this.session.sight.open((look) => this.emit('look', look)) : () => undefined;
  }

  /** Idempotent. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  async #joinOnce<V extends ViewerPort | undefined>(open: () => Promise<V>): Promise<V> {
    if (this.#joining) throw new AvatarError('conflict', 'A join is under way already.');
    this.#joining = true;
    try {
      await this.#viewer?.close('joined again');
      this.#viewer = undefined;
      this.session.parts.stage.sync.forget(this.id);
      const viewer = await open();
      this.#viewer = viewer;
      return viewer;
    } finally {
      this.#joining = false;
    }
  }

  /** What is opened, as long as this client is there and hasn't given up waiting. */
  async #inTime<T extends { close(reason: string): Promise<void> }>(opening: Promise<T>): Promise<T> {
    const done = new AbortController();
    const late = sleep(this.#clock, OPEN_DEADLINE, done.signal).then(() => undefined);
    const opened = await Promise.race([opening, late]).finally(() => done.abort());
    if (!opened) {
      void opening.then((one) => one.close('too late')).catch(() => undefined);
      throw new AvatarError(
        'not_ready',
        `The media server did not open a transport within ${OPEN_DEADLINE / 1_000} s; try again.`,
      );
    }
    if (this.#life.state === 'open') return opened;
    await opened.close('left while it was opened');
    throw new AvatarError('session_closed', 'The connection is over.');
  }
}

const closing = (transportId: string, reason: string): MicrophoneClosed =>
  reason === TAKEN_OVER
    ? { transportId, reason: 'taken_over', message: 'The microphone was turned on elsewhere with the same link.' }
    : { transportId, reason: 'lost', message: `The microphone's path is gone (${reason}); open another.` };
