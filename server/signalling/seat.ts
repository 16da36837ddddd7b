import type { Socket } from 'socket.io';
import type { Clock } from '#base/clock.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { SessionEvent } from '#server/sessions/session-events.ts';
import { dispatch, type DispatchOptions } from './dispatch.ts';
import type { Peer } from './peer.ts';
import { watchReading } from './reading.ts';

/** How long a client whose connection dropped may take to be back, ms. Until then its viewer and its place are kept. */
export const RECOVERY_WINDOW = 15_000;
/** Reasons of a connection that ended on nobody's wish. */
const DROPPED: ReadonlySet<string> = new Set(['transport close', 'transport error', 'forced close', 'ping timeout']);

export interface SeatOptions extends DispatchOptions {
  readonly clock: Clock;
}

/** A client's place in a session. Its connection may drop and be taken up again; what is said meanwhile is kept by the adapter and replayed. */
export class Seat {
  readonly peer: Peer;
  readonly #options: SeatOptions;
  readonly #life = new Lifetime();
  #socket: Socket;
  #cancelWindow: () => void = () => undefined;

  private constructor(socket: Socket, peer: Peer, options: SeatOptions) {
    this.#socket = socket;
    this.peer = peer;
    this.#options = options;
  }

  /** `left` runs when the client is gone for good. */
  static take(socket: Socket, peer: Peer, options: SeatOptions, left: () => void): Seat {
    const seat = new Seat(socket, peer, options);
    const { session } = peer;
    const send = ({ name, payload }: SessionEvent): void => void seat.#socket.emit(name, payload);
    const end = (): void => {
      seat.#socket.disconnect(true);
      seat.leave('session over');
    };
    session.on('event', send);
    peer.on('microphoneclose', (payload) => send({ name: 'microphone_closed', payload }));
    // Who comes back later would show what nobody waits for any more.
    peer.on('look', (payload) => seat.empty || send({ name: 'look', payload }));
    session.once('close', end);
    session.once('suspend', end);
    seat.#life.defer((reason) => peer.close(reason));
    seat.#life.defer(() => {
      session.off('event', send);
      session.off('close', end);
      session.off('suspend', end);
      seat.#cancelWindow();
      left();
    });
    socket.emit('state', session.state);
    seat.#listen(socket);
    if (session.state.state === 'closed') end();
    return seat;
  }

  /** Its connection dropped, and isn't back yet. */
  get empty(): boolean {
    return !this.#socket.connected;
  }

  /** The client is back, on another connection. */
  takeUp(socket: Socket): void {
    this.#cancelWindow();
    this.#socket = socket;
    this.#listen(socket);
    this.peer.log.info('socket is back');
  }

  /** Idempotent. */
  leave(reason: string): void {
    this.#life.close(reason).catch((error: unknown) => this.peer.log.error({ err: error }, 'viewer did not close cleanly'));
  }

  #listen(socket: Socket): void {
    const { peer } = this;
    const cutOff = (why: string): void => {
      peer.log.warn(why);
      socket.disconnect(true);
      this.leave(why);
    };
    watchReading(socket.conn, () => {
      cutOff('cut off: does not read');
      // A goodbye would wait in line behind what isn't read.
      socket.request.socket.destroy();
    });
    socket.onAny((event: string, ...args: unknown[]) => {
      const last = args.at(-1);
      const acknowledge = typeof last === 'function' ? (args.pop(), last as (ack: unknown) => void) : undefined;
      peer.limits.use('flood', peer.id).catch(() => cutOff('cut off: too many events'));
      void dispatch(peer, event, args, this.#options).then((ack) => {
        if (acknowledge) acknowledge(ack);
        else if ('error' in ack) socket.emit('error', ack.error);
      });
    });
    // Without a listener, what socket.io finds wrong with a packet would end the process.
    socket.on('error', (error) => peer.log.warn({ err: error }, 'socket error'));
    socket.on('disconnect', (reason) => socket === this.#socket && this.#disconnected(reason));
  }

  #disconnected(reason: string): void {
    if (!DROPPED.has(reason) || this.#life.state !== 'open') {
      this.peer.log.info({ reason }, 'socket left');
      return this.leave(reason);
    }
    this.peer.log.info({ reason }, 'socket dropped');
    const { clock } = this.#options;
    this.#cancelWindow = clock.at(clock.now() + RECOVERY_WINDOW, () => this.leave('not back in time'));
  }
}
