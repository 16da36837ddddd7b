import { randomBytes } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { CreateSession, Turn } from '#protocol/http.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { KEPT_ENDED, type History, type KeptSession } from './history.ts';
import { Journal } from './journal.ts';
import type { OpenParts, SessionParts } from './ports.ts';
import { Session } from './session.ts';

export interface RegistryOptions {
  readonly open: OpenParts;
  readonly maxSessions: number;
  readonly idleTimeout: number;
  /** ms that ended sessions and what was said in them are kept. */
  readonly retention: number;
  readonly history: History;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** One session that is not over. After a restart it has no parts until somebody wants something of it. */
interface Place {
  readonly kept: KeptSession;
  /** Since when nobody has asked for it, monotonic ms; counts while it is not open. */
  readonly asleepSince: number;
  opening: Promise<Session> | undefined;
  session: Session | undefined;
}

const TICK = 1_000;
const PRUNE_EVERY = 3_600_000;

/** All sessions of this server. */
export class SessionRegistry {
  readonly #options: RegistryOptions;
  readonly #journal: Journal;
  readonly #life = new Lifetime();
  readonly #places = new Map<string, Place>();
  readonly #over: Set<string>;
  #creating = 0;
  #pruneAt = 0;

  private constructor(options: RegistryOptions, journal: Journal, over: readonly string[]) {
    this.#options = options;
    this.#journal = journal;
    this.#over = new Set(over);
  }

  /** With the sessions that the process before left, asleep. Throws AvatarError `storage_failed`. */
  static async open(options: RegistryOptions): Promise<SessionRegistry> {
    const { sessions, ended } = await options.history.recover();
    const { log, metrics } = options;
    const registry = new SessionRegistry(options, new Journal(options), ended);
    for (const kept of sessions) registry.#places.set(kept.id, registry.#placeOf(kept));
    metrics.sessions.inc({ state: 'idle' }, sessions.length);
    if (sessions.length > 0) log.info({ sessions: sessions.length }, 'sessions are back');
    registry.#journal.on('trouble', (error) => registry.#warn(error));
    registry.#tick();
    return registry;
  }

  get size(): number {
    return this.#places.size;
  }

  /**
   * Resolves once the session can't be lost any more, or says in `stored` that it can.
   * Throws AvatarError `too_many_sessions`, `not_ready` while closing, and what opening the parts throws.
   */
  async create(request: CreateSession): Promise<Session> {
    const { maxSessions, clock } = this.#options;
    this.#expectOpen();
    if (this.#places.size + this.#creating >= maxSessions) {
      throw new AvatarError(
        'too_many_sessions',
        `This server has its most sessions, ${maxSessions}; try again when one has ended.`,
      );
    }
    const kept = { id: randomBytes(16).toString('base64url'), request, createdAt: Math.round(clock.wall()) };
    this.#creating += 1;
    try {
      const parts = await this.#options.open(kept, 0);
      const stored = await this.#journal.begin(kept);
      const place = this.#placeOf(kept);
      const session = await this.#start(place, parts, { stored });
      this.#places.set(kept.id, place);
      return session;
    } finally {
      this.#creating -= 1;
    }
  }

  /** A session that is not over, asleep or not, asked for that avatar. */
  wants(avatar: string): boolean {
    return this.#places.values().some(({ kept }) => kept.request.avatar === avatar);
  }

  /** Throws AvatarError `session_closed` for one that is over, `session_not_found` for one that never was, `not_ready` while closing. */
  expect(id: string): void {
    this.#place(id);
  }

  /** The session, woken up if it is asleep. Throws what `expect` throws, and what opening the parts throws. */
  async get(id: string): Promise<Session> {
    const place = this.#place(id);
    if (place.session) return place.session;
    place.opening ??= this.#wake(place).finally(() => (place.opening = undefined));
    return place.opening;
  }

  /** Ends the session for good; resolves once that is written. Throws what `expect` throws. */
  async end(id: string, reason: string): Promise<void> {
    const place = this.#place(id);
    await place.opening?.catch(() => undefined);
    if (place.session) return place.session.close(reason);
    if (!this.#places.has(id)) return;
    this.#options.metrics.sessions.dec({ state: 'idle' });
    this.#forget(id, reason);
    await this.#journal.end(id, reason);
  }

  /** Takes no more sessions, lets each end its clause, and suspends all of them: a restart finds them again. Idempotent. */
  async close(reason: string): Promise<void> {
    await this.#life.close(reason);
    await Promise.all([...this.#places.values()].map((place) => this.#suspend(place, reason)));
    await this.#journal.close(reason);
  }

  #place(id: string): Place {
    const place = this.#places.get(id);
    if (place) return place;
    if (this.#over.has(id)) throw new AvatarError('session_closed', 'The session is over.');
    throw new AvatarError('session_not_found', 'There is no such session.');
  }

  #expectOpen(): void {
    if (this.#life.state !== 'open') throw new AvatarError('not_ready', 'The server is stopping; try again in a moment.');
  }

  #placeOf(kept: KeptSession): Place {
    return { kept, asleepSince: this.#options.clock.now(), opening: undefined, session: undefined };
  }

  async #wake(place: Place): Promise<Session> {
    this.#expectOpen();
    const { kept } = place;
    const past = await this.#options.history.turns(kept.id);
    const parts = await this.#options.open(kept, Math.max(0, this.#options.clock.wall() - kept.createdAt));
    const session = await this.#start(place, parts, { past, stored: true });
    this.#options.metrics.sessions.dec({ state: 'idle' });
    return session;
  }

  async #start(
    place: Place,
    parts: SessionParts,
    before: { readonly past?: readonly Turn[]; readonly stored: boolean },
  ): Promise<Session> {
    const { clock, idleTimeout, metrics } = this.#options;
    if (this.#life.state !== 'open') {
      await parts.close('server stopping');
      this.#expectOpen();
    }
    const kept = { ...place.kept, request: dressed(place.kept.request, parts.avatar) };
    const log = this.#options.log.child({ sessionId: kept.id });
    const session = Session.open({ kept, ...before, parts, journal: this.#journal, idleTimeout, clock, log, metrics });
    place.session = session;
    session.once('close', (reason) => this.#forget(kept.id, reason));
    session.once('suspend', () => (place.session = undefined));
    log.info({ avatar: parts.avatar.id, turns: before.past?.length ?? 0 }, before.past ? 'session is back' : 'session opened');
    return session;
  }

  #forget(id: string, reason: string): void {
    this.#places.delete(id);
    this.#over.add(id);
    const oldest = this.#over.values().next().value;
    if (this.#over.size > KEPT_ENDED && oldest !== undefined) this.#over.delete(oldest);
    this.#options.log.info({ sessionId: id, reason }, 'session closed');
  }

  async #suspend({ kept, opening, session }: Place, reason: string): Promise<void> {
    const open = session ?? (await opening?.catch(() => undefined));
    await open?.suspend(reason).catch((error: unknown) => {
      this.#options.log.error({ sessionId: kept.id, err: error }, 'session did not close cleanly');
    });
  }

  #warn({ code, message }: AvatarError): void {
    const text = `${message} The conversation goes on; what is not saved is lost if the server stops.`;
    for (const { session } of this.#places.values()) session?.warn(new AvatarError(code, text));
  }

  #tick(): void {
    const { clock, metrics } = this.#options;
    const cancel = clock.at(clock.now() + TICK, () => {
      void forgetCancel();
      for (const place of this.#places.values()) if (this.#isIdle(place)) this.#endIdle(place);
      metrics.viewers.set(
        { kind: 'hls' },
        this.#places.values().reduce((sum, { session }) => sum + (session?.parts.hls.viewers ?? 0), 0),
      );
      this.#prune();
      if (this.#life.state === 'open') this.#tick();
    });
    const forgetCancel = this.#life.defer(cancel);
  }

  #isIdle({ session, opening, asleepSince }: Place): boolean {
    const { clock, idleTimeout } = this.#options;
    return session ? session.tick() : !opening && clock.now() - asleepSince >= idleTimeout;
  }

  #endIdle({ kept }: Place): void {
    this.end(kept.id, 'idle').catch((error: unknown) => {
      this.#options.log.error({ sessionId: kept.id, err: error }, 'session did not close cleanly');
    });
  }

  /** A few at a time, so that no prompt waits long for the disk. */
  #prune(): void {
    const { clock, history, retention, log } = this.#options;
    if (clock.now() < this.#pruneAt) return;
    this.#pruneAt = Infinity;
    history.prune(Math.round(clock.wall()) - retention).then(
      (pruned) => (this.#pruneAt = pruned > 0 ? 0 : clock.now() + PRUNE_EVERY),
      (error: unknown) => {
        log.error({ err: error }, 'old sessions could not be forgotten');
        this.#pruneAt = clock.now() + PRUNE_EVERY;
      },
    );
  }
}

/** What the session doesn't say, its avatar does. */
function dressed(request: CreateSession, { greeting, language }: SessionParts['avatar']): CreateSession {
  return {
    ...(greeting === undefined ? {} : { greeting }),
    ...(language === undefined ? {} : { language }),
    ...request,
  };
}
