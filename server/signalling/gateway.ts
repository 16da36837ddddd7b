import type { IncomingMessage, Server as HttpServer } from 'node:http';
import { Server, type Socket } from 'socket.io';
import type { Clock } from '#base/clock.ts';
import { asAvatarError, AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { Role } from '#protocol/http.ts';
import type { Limits } from '#server/auth/limits.ts';
import { isAllowedOrigin, type Origins } from '#server/auth/origins.ts';
import type { Tokens } from '#server/auth/tokens.ts';
import type { SessionRegistry } from '#server/sessions/registry.ts';
import type { Session, SessionEvent } from '#server/sessions/session.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { dispatch } from './dispatch.ts';
import { Peer } from './peer.ts';

export interface SignallingOptions {
  /** `maxViewers`: most sockets per session. */
  readonly config: Origins & { readonly maxViewers: number };
  readonly sessions: SessionRegistry;
  readonly tokens: Tokens;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** Largest message, bytes. The connection that sends a larger one is closed. */
const MAX_MESSAGE = 64 * 1024;
/** A connection without a valid token is closed after this, ms. */
const TOKEN_DEADLINE = 10_000;

interface Entry {
  readonly session: Session;
  readonly role: Role;
}

/** socket.io on the HTTP server's own port. Closing it disconnects every client and leaves the HTTP server open. */
export function attachSignalling(server: HttpServer, options: SignallingOptions): { close(reason: string): Promise<void> } {
  const { config, log } = options;
  const life = new Lifetime();
  const io = new Server(server, {
    maxHttpBufferSize: MAX_MESSAGE,
    connectTimeout: TOKEN_DEADLINE,
    serveClient: false,
    cors: { origin: config.allowedOrigins.includes('*') ? true : [...config.allowedOrigins] },
    allowRequest: (request, decide) => decide(null, isAllowed(request, config)),
  });
  const entries = new WeakMap<Socket, Entry>();
  io.use((socket, next) => {
    admit(socket, options).then(
      (entry) => {
        entries.set(socket, entry);
        next();
      },
      (thrown: unknown) => next(refusal(thrown, log)),
    );
  });
  io.on('connection', (socket) => {
    const entry = entries.get(socket);
    if (entry) welcome(socket, entry, options);
    else socket.disconnect(true);
  });
  life.defer(() => {
    io.disconnectSockets(true);
    io.engine.close();
  });
  return { close: (reason) => life.close(reason) };
}

/** Whom the token speaks for. Throws AvatarError `unauthorized`, `forbidden`, `session_not_found`, `session_closed`, `too_many_viewers`. */
async function admit(socket: Socket, { tokens, sessions, config }: SignallingOptions): Promise<Entry> {
  const { token } = socket.handshake.auth as { token?: unknown };
  if (typeof token !== 'string') throw new AvatarError('unauthorized', 'A token is needed: connect with auth: {token}.');
  const claims = await tokens.verify(token);
  if (claims.role === 'server') throw new AvatarError('forbidden', 'A socket needs a token of a session, role host or viewer.');
  const session = await sessions.get(claims.sessionId);
  if (session.listenerCount('event') >= config.maxViewers) {
    throw new AvatarError(
      'too_many_viewers',
      `This session has its most connections, ${config.maxViewers}; try again when one has left.`,
    );
  }
  return { session, role: claims.role };
}

function refusal(thrown: unknown, log: Log): Error {
  const { code, message } = asAvatarError(thrown);
  if (code === 'internal') log.error({ err: thrown }, 'connection failed');
  return Object.assign(new Error(message), { data: { code, message } });
}

function welcome(socket: Socket, { session, role }: Entry, options: SignallingOptions): void {
  const log = options.log.child({ sessionId: session.id, socketId: socket.id, role });
  const peer = new Peer({ id: socket.id, session, role, limits: options.limits, clock: options.clock, log });
  const send = ({ name, payload }: SessionEvent): void => void socket.emit(name, payload);
  const end = (): void => void socket.disconnect(true);
  session.on('event', send);
  session.once('close', end);
  session.once('suspend', end);
  socket.emit('state', session.state);
  if (session.state.state === 'closed') end();
  socket.onAny((event: string, ...args: unknown[]) => {
    const last = args.at(-1);
    const acknowledge = typeof last === 'function' ? (args.pop(), last as (ack: unknown) => void) : undefined;
    void dispatch(peer, event, args, options).then((ack) => {
      if (acknowledge) acknowledge(ack);
      else if ('error' in ack) socket.emit('error', ack.error);
    });
  });
  // Without a listener, what socket.io finds wrong with a packet would end the process.
  socket.on('error', (error) => log.warn({ err: error }, 'socket error'));
  socket.on('disconnect', (reason) => {
    session.off('event', send);
    session.off('close', end);
    session.off('suspend', end);
    log.info({ reason }, 'socket left');
    peer.close(reason).catch((error: unknown) => log.error({ err: error }, 'viewer did not close cleanly'));
  });
  log.info('socket connected');
}

/** Browsers name the page's origin; WebSocket has no CORS, so a foreign page is refused here. */
function isAllowed({ headers: { origin, host = '' } }: IncomingMessage, config: Origins): boolean {
  return origin === undefined || isAllowedOrigin(origin, host, config);
}
