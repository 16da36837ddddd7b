import { sleep, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { Role } from '#protocol/http.ts';
import type { Limits } from '#server/auth/limits.ts';
import type { ViewerPort } from '#server/sessions/ports.ts';
import type { Session } from '#server/sessions/session.ts';

export interface PeerOptions {
  /** The socket's id. */
  readonly id: string;
  readonly session: Session;
  readonly role: Role;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Log;
}

/** A viewer's transport may take so long to be made, ms. */
const JOIN_DEADLINE = 10_000;

/** One connected client: whom it is, and the viewer it has once it has joined. */
export class Peer {
  readonly id: string;
  readonly session: Session;
  readonly role: Role;
  readonly limits: Limits;
  readonly log: Log;
  readonly #clock: Clock;
  readonly #life = new Lifetime();
  #joining = false;
  #viewer: ViewerPort | undefined;

  constructor({ id, session, role, limits, clock, log }: PeerOptions) {
    this.id = id;
    this.session = session;
    this.role = role;
    this.limits = limits;
    this.log = log;
    this.#clock = clock;
    this.#life.defer(session.enter());
    this.#life.defer((reason) => this.#viewer?.close(reason));
    this.#life.defer(() => session.parts.stage.sync.forget(id));
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

  /** Opens a viewer; one that was there before is closed. Throws AvatarError `too_many_viewers`, `not_ready`, `conflict` while joining. */
  join(): Promise<ViewerPort> {
    return this.#joinOnce(() => this.#openViewer());
  }

  /** For who watches by HLS or not at all: closes the viewer that was there before. Throws AvatarError `conflict` while joining. */
  joinWithoutMedia(): Promise<undefined> {
    return this.#joinOnce(() => Promise.resolve(undefined));
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

  async #openViewer(): Promise<ViewerPort> {
    const opening = this.session.parts.viewers.open('webrtc');
    const viewer = await this.#inTime(opening);
    if (this.#life.state === 'open') return viewer;
    await viewer.close('left while joining');
    throw new AvatarError('session_closed', 'The connection is over.');
  }

  async #inTime(opening: Promise<ViewerPort>): Promise<ViewerPort> {
    const done = new AbortController();
    const late = sleep(this.#clock, JOIN_DEADLINE, done.signal).then(() => undefined);
    try {
      const viewer = await Promise.race([opening, late]);
      if (viewer) return viewer;
    } finally {
      done.abort();
    }
    void opening.then((viewer) => viewer.close('too late')).catch(() => undefined);
    throw new AvatarError('not_ready', `The media server did not open a transport within ${JOIN_DEADLINE / 1_000} s; try again.`);
  }
}
