import { randomBytes } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { CreateSession } from '#protocol/http.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { History } from './history.ts';
import type { OpenParts, SessionParts } from './ports.ts';
import { Session } from './session.ts';

export interface RegistryOptions {
  readonly open: OpenParts;
  readonly maxSessions: number;
  readonly idleTimeout: number;
  readonly history: History;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Closed sessions whose ids are remembered, so that their users are told that they are over. */
const REMEMBERED = 1_000;
const TICK = 1_000;

/** All sessions of this server. */
export class SessionRegistry {
  readonly #options: RegistryOptions;
  readonly #life = new Lifetime();
  readonly #sessions = new Map<string, Session>();
  readonly #over = new Set<string>();
  #opening = 0;

  private constructor(options: RegistryOptions) {
    this.#options = options;
  }

  static open(options: RegistryOptions): SessionRegistry {
    const registry = new SessionRegistry(options);
    registry.#tick();
    return registry;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Throws AvatarError `too_many_sessions`, `not_ready` while closing, and what opening the parts throws. */
  async create(request: CreateSession): Promise<Session> {
    const { maxSessions, open } = this.#options;
    if (this.#life.state !== 'open') throw new AvatarError('not_ready', 'The server is stopping; try another one.');
    if (this.#sessions.size + this.#opening >= maxSessions) {
      throw new AvatarError(
        'too_many_sessions',
        `This server has its most sessions, ${maxSessions}; try again when one has ended.`,
      );
    }
    const id = randomBytes(16).toString('base64url');
    this.#opening += 1;
    try {
      return await this.#add(id, request, await open(id, request));
    } finally {
      this.#opening -= 1;
    }
  }

  /** Throws AvatarError `session_closed` for one that is over, `session_not_found` for one that never was. */
  get(id: string): Session {
    const session = this.#sessions.get(id);
    if (session) return session;
    if (this.#over.has(id)) throw new AvatarError('session_closed', 'The session is over.');
    throw new AvatarError('session_not_found', 'There is no such session.');
  }

  /** Takes no more sessions, lets each end its clause, and closes all of them. Idempotent. */
  async close(reason: string): Promise<void> {
    await this.#life.close(reason);
    await Promise.all([...this.#sessions.values()].map((session) => this.#drain(session, reason)));
  }

  async #add(id: string, request: CreateSession, parts: SessionParts): Promise<Session> {
    const { clock, history, idleTimeout, metrics } = this.#options;
    if (this.#life.state !== 'open') {
      await parts.close('server stopping');
      throw new AvatarError('not_ready', 'The server is stopping; try another one.');
    }
    const log = this.#options.log.child({ sessionId: id });
    const session = Session.open({ id, request, parts, history, idleTimeout, clock, log, metrics });
    this.#sessions.set(id, session);
    session.once('close', (reason) => this.#forget(session, reason));
    log.info({ avatar: parts.avatar.id }, 'session opened');
    return session;
  }

  #forget(session: Session, reason: string): void {
    this.#sessions.delete(session.id);
    this.#over.add(session.id);
    const oldest = this.#over.values().next().value;
    if (this.#over.size > REMEMBERED && oldest !== undefined) this.#over.delete(oldest);
    this.#options.log.info({ sessionId: session.id, reason }, 'session closed');
  }

  async #drain(session: Session, reason: string): Promise<void> {
    await session
      .drain()
      .catch((error: unknown) => this.#options.log.error({ sessionId: session.id, err: error }, 'drain failed'));
    await this.#close(session, reason);
  }

  async #close(session: Session, reason: string): Promise<void> {
    await session.close(reason).catch((error: unknown) => {
      this.#options.log.error({ sessionId: session.id, err: error }, 'session did not close cleanly');
    });
  }

  #tick(): void {
    const { clock, metrics } = this.#options;
    const cancel = clock.at(clock.now() + TICK, () => {
      void forgetCancel();
      for (const session of this.#sessions.values()) if (session.tick()) void this.#close(session, 'idle');
      metrics.viewers.set(
        { kind: 'hls' },
        this.#sessions.values().reduce((sum, { parts }) => sum + parts.hls.viewers, 0),
      );
      if (this.#life.state === 'open') this.#tick();
    });
    const forgetCancel = this.#life.defer(cancel);
  }
}
