import type { Server as HttpServer } from 'node:http';
import { Server, type Socket } from 'socket.io';
import type { Clock } from '#base/clock.ts';
import { asAvatarError, AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { Session } from '#server/sessions/session.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { Admission, type AdmissionOptions, type Entry } from './admission.ts';
import { Peer } from './peer.ts';
import { RecoveryAdapter } from './recovery.ts';
import { RECOVERY_WINDOW, Seat } from './seat.ts';

export interface SignallingOptions extends AdmissionOptions {
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** Largest message, bytes. The connection that sends a larger one is closed. */
const MAX_MESSAGE = 64 * 1024;
/** A connection without a valid token is closed after this, ms. */
const TOKEN_DEADLINE = 10_000;
/** A connection that a change of network left dead, without a word, is noticed after both at the latest, ms; media may have come along by itself. */
const PING_EVERY = 5_000;
const PONG_WITHIN = 5_000;

/** Who is there, by socket id, and what was sent to them. */
interface Hall {
  readonly seats: Map<string, Seat>;
  readonly adapter: RecoveryAdapter;
}

/** socket.io on the HTTP server's own port. Closing it disconnects every client and leaves the HTTP server open. */
export function attachSignalling(server: HttpServer, options: SignallingOptions): { close(reason: string): Promise<void> } {
  const { config, log } = options;
  const life = new Lifetime();
  const admission = new Admission(options);
  const io = new Server(server, {
    maxHttpBufferSize: MAX_MESSAGE,
    connectTimeout: TOKEN_DEADLINE,
    pingInterval: PING_EVERY,
    pingTimeout: PONG_WITHIN,
    serveClient: false,
    cors: { origin: config.allowedOrigins.includes('*') ? true : [...config.allowedOrigins] },
    adapter: RecoveryAdapter,
    // Who comes back is asked for its token and its session again.
    connectionStateRecovery: { maxDisconnectionDuration: RECOVERY_WINDOW, skipMiddlewares: false },
    allowRequest: (request, decide) => decide(null, admission.mayConnect(request)),
  });
  admission.guard(io.engine);
  const entries = new WeakMap<Socket, Entry>();
  const seats = new Map<string, Seat>();
  const { adapter } = io.sockets;
  if (!(adapter instanceof RecoveryAdapter)) throw new AvatarError('internal', 'socket.io took another adapter.');
  io.use((socket, next) => {
    admission.admit(socket).then(
      (entry) => {
        entries.set(socket, entry);
        next();
      },
      (thrown: unknown) => next(refusal(thrown, log)),
    );
  });
  io.on('connection', (socket) => {
    const entry = entries.get(socket);
    if (entry) welcome(socket, entry, { seats, adapter }, options);
    else socket.disconnect(true);
  });
  life.defer(() => {
    io.disconnectSockets(true);
    io.engine.close();
    for (const seat of seats.values()) seat.leave('server stops');
  });
  return { close: (reason) => life.close(reason) };
}

function refusal(thrown: unknown, log: Log): Error {
  const { code, message, details } = asAvatarError(thrown);
  if (code === 'internal') log.error({ err: thrown }, 'connection failed');
  return Object.assign(new Error(message), { data: { code, message, ...(details ? { details } : {}) } });
}

/** A client takes a seat, or takes up the one it had. */
function welcome(socket: Socket, { session, role, who }: Entry, { seats, adapter }: Hall, options: SignallingOptions): void {
  const seat = seats.get(socket.id);
  if (seat?.peer.session === session && seat.peer.role === role) {
    seat.takeUp(socket);
    return adapter.replay(socket.id);
  }
  // It takes itself for recovered, yet its seat is gone or another's; it has to come as a new one.
  if (socket.recovered) return void socket.disconnect(true);
  const log = options.log.child({ sessionId: session.id, socketId: socket.id, role });
  const { limits, clock } = options;
  const peer = new Peer({ id: socket.id, session, role, who, limits, clock, log });
  makeRoom(seats, session, options.config.maxViewers);
  const left = (): void => {
    seats.delete(socket.id);
    adapter.forget(socket.id);
  };
  seats.set(socket.id, Seat.take(socket, peer, options, left));
  log.info('socket connected');
}

/** A place that is kept for somebody who dropped out goes to who is there: a session never has more places than viewers are allowed. */
function makeRoom(seats: Hall['seats'], session: Session, maxViewers: number): void {
  const taken = [...seats.values()].filter(({ peer }) => peer.session === session);
  if (taken.length >= maxViewers) taken.find(({ empty }) => empty)?.leave('its place was needed');
}
