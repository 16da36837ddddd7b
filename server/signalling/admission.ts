import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'socket.io';
import { AvatarError } from '#base/errors.ts';
import type { Role } from '#protocol/http.ts';
import { addressKey, clientAddress, trusting } from '#server/auth/addresses.ts';
import { Crowd } from '#server/auth/crowd.ts';
import type { Limits } from '#server/auth/limits.ts';
import { isAllowedOrigin, isOwnHost, type Origins } from '#server/auth/origins.ts';
import type { Tokens } from '#server/auth/tokens.ts';
import type { SessionRegistry } from '#server/sessions/registry.ts';
import type { Session } from '#server/sessions/session.ts';

export interface AdmissionOptions {
  readonly config: Origins & {
    /** Most sockets per session. */
    readonly maxViewers: number;
    /** Most sockets per address. */
    readonly maxConnections: number;
    /** Proxies whose X-Forwarded-For is believed. */
    readonly trustProxy: readonly string[];
  };
  readonly sessions: SessionRegistry;
  readonly tokens: Tokens;
  readonly limits: Limits;
}

export interface Entry {
  readonly session: Session;
  readonly role: Role;
  /** Who it is: the same for all that come with the same token. */
  readonly who: string;
}

/** As engine.io hands it over: a request without `sid` is a handshake. */
type EngineRequest = IncomingMessage & { readonly _query: Readonly<Record<string, string>> };

/** Who may open a socket, and how many of them. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #addresses: Crowd;
  readonly #sessions: Crowd;
  /** Places of those whose handshake goes on. */
  readonly #arriving = new Map<IncomingMessage, () => void>();
  readonly #keyOf: (request: IncomingMessage) => string;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    const { maxConnections, maxViewers, trustProxy } = options.config;
    this.#addresses = new Crowd(maxConnections);
    this.#sessions = new Crowd(maxViewers);
    const trusts = trusting(trustProxy);
    this.#keyOf = ({ headers, socket }) =>
      addressKey(clientAddress(socket.remoteAddress ?? '', headers['x-forwarded-for'], trusts));
  }

  /** Browsers name the page's origin; WebSocket has no CORS, so a foreign page is refused here, as is a foreign name for this machine. */
  mayConnect({ headers: { origin, host = '' } }: IncomingMessage): boolean {
    const { config, tokens } = this.#options;
    return isOwnHost(host, config, tokens.guarded) && (origin === undefined || isAllowedOrigin(origin, host, config));
  }

  /** Counts each HTTP request of socket.io's, and each connection as long as it lasts, with a token or without. */
  guard(engine: Server['engine']): void {
    engine.use((request: EngineRequest, response: ServerResponse, next: (refusal?: Error) => void) => {
      this.#count(request, response).then(
        () => next(),
        (refusal: unknown) => refuse(response, refusal, next),
      );
    });
    engine.on('connection', (connection: Socket['conn']) => {
      const leave = this.#arriving.get(connection.request);
      this.#arriving.delete(connection.request);
      if (leave) connection.once('close', leave);
    });
    engine.on('headers', (headers: Record<string, string>) => {
      headers['X-Content-Type-Options'] = 'nosniff';
      headers['Cache-Control'] = 'no-store';
    });
  }

  /** Whom the token speaks for. Throws AvatarError `unauthorized`, `forbidden`, `session_not_found`, `session_closed`, `too_many_viewers`, `rate_limited`. */
  async admit(socket: Socket): Promise<Entry> {
    const { limits, sessions, config } = this.#options;
    await limits.use('connection', this.#keyOf(socket.request));
    const { role, sessionId, who } = await this.#claimsOf(socket);
    const session = await sessions.get(sessionId);
    const leave = this.#sessions.enter(sessionId);
    if (!leave) {
      throw new AvatarError(
        'too_many_viewers',
        `This session has its most connections, ${config.maxViewers}; try again when one has left.`,
      );
    }
    socket.once('disconnect', leave);
    // It may be gone before it is connected, and is then never disconnected.
    socket.conn.once('close', leave);
    if (socket.conn.readyState !== 'open') leave();
    return { session, role, who };
  }

  async #count(request: EngineRequest, response: ServerResponse): Promise<void> {
    const key = this.#keyOf(request);
    const { limits, config } = this.#options;
    await limits.use('request', key);
    if (request._query['sid'] !== undefined) return;
    const leave = this.#addresses.enter(key);
    if (!leave) {
      throw new AvatarError('rate_limited', `One address may have at most ${config.maxConnections} connections at once.`);
    }
    this.#arriving.set(request, leave);
    response.once('close', () => {
      // Still here: it never became a connection.
      if (this.#arriving.delete(request)) leave();
    });
  }

  async #claimsOf(socket: Socket): Promise<{ role: Role; sessionId: string; who: string }> {
    const { tokens, limits } = this.#options;
    const { token } = socket.handshake.auth as { token?: unknown };
    if (typeof token !== 'string') throw new AvatarError('unauthorized', 'A token is needed: connect with auth: {token}.');
    const claims = await tokens.verify(token).catch(async (refusal: unknown) => {
      await limits.use('auth_failure', this.#keyOf(socket.request));
      throw refusal;
    });
    if (claims.role === 'server') throw new AvatarError('forbidden', 'A socket needs a token of a session, role host or viewer.');
    return { ...claims, who: createHash('sha256').update(token).digest('base64url') };
  }
}

/** An upgrade can't be answered, only ended. */
function refuse(response: ServerResponse, refusal: unknown, next: (refusal: Error) => void): void {
  if (!(refusal instanceof AvatarError)) return next(new Error('refused', { cause: refusal }));
  const retryAfterMs = Number(refusal.details?.['retryAfterMs'] ?? 0);
  response.writeHead(refusal.status, {
    'content-type': 'application/json',
    'retry-after': String(Math.ceil(retryAfterMs / 1_000)),
    connection: 'close',
  });
  response.end(JSON.stringify(refusal.toBody()));
}
