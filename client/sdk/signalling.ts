import { io, type Socket } from 'socket.io-client';
import { z } from 'zod';
import {
  ErrorEvent,
  EVENTS,
  REQUESTS,
  type AnswerOf,
  type EventName,
  type EventOf,
  type RequestInput,
  type RequestName,
} from '#protocol/signalling.ts';
import { backoff } from './backoff.ts';
import { Emitter } from './emitter.ts';
import { ClientError, serverError } from './errors.ts';
import { Owned } from './owned.ts';

/** How long a request may go unanswered, ms. */
const ANSWER_TIMEOUT = 10_000;
/** How long a server that is there takes to answer at most, ms; after that the connection is taken for dead. */
const PROBE_TIMEOUT = 700;
/** How long one attempt to connect may take, ms. */
const CONNECT_TIMEOUT = 8_000;
/** One to connect again: short, because TCP asks ever less often in a network that comes back. Each fourth is a long one, for slow networks. */
const RECONNECT_TIMEOUT = 3_000;

export type SignallingEvents = {
  /** The server is there, for the first time or again. Recovered: it knows this client, and sends what was missed. */
  connected: [isRecovered: boolean];
  /** The way to the server is gone, or was never found; it is being tried again. */
  lost: [ClientError];
  /** The server will never let this client in: the session is gone, or the token isn't good. */
  refused: [ClientError];
  /** What the server says by itself, each checked. */
  event: [{ [Name in EventName]: { name: Name; value: EventOf<Name> } }[EventName]];
};

/** The socket to the server, with everything on it checked against the protocol. It reconnects by itself. */
export class Signalling extends Emitter<SignallingEvents> {
  readonly #socket: Socket;
  readonly #owned = new Owned();
  #attempt = 0;
  #cancelRetry: (() => void) | undefined;

  private constructor(socket: Socket) {
    super();
    this.#socket = socket;
  }

  static open(server: URL, token: string): Signalling {
    // WebSocket first: long polling costs two round trips more; it is there for proxies that let nothing else through.
    const socket = io(server.origin, {
      auth: { token },
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      forceNew: true,
      autoConnect: false,
      reconnection: false,
      timeout: CONNECT_TIMEOUT,
    });
    const signalling = new Signalling(socket);
    signalling.#watch();
    socket.connect();
    return signalling;
  }

  get isConnected(): boolean {
    return this.#socket.connected;
  }

  /** @throws ClientError: the server's own, `timeout`, or `unreachable` while there is no connection. */
  async request<Name extends RequestName>(name: Name, body: RequestInput<Name>): Promise<AnswerOf<Name>> {
    if (!this.#socket.connected) throw new ClientError('unreachable', 'There is no connection to the server.');
    const ack: unknown = await this.#socket
      .timeout(ANSWER_TIMEOUT)
      .emitWithAck(name, body)
      .catch((cause: unknown) => {
        throw new ClientError('timeout', `The server did not answer "${name}".`, { cause });
      });
    const { ok, error } = Ack.parse(ack);
    if (error) throw serverError(error);
    const answer = REQUESTS[name].answer.safeParse(ok);
    if (!answer.success)
      throw new ClientError('internal', `The server's answer to "${name}" is not as agreed.`, { cause: answer.error });
    return answer.data as AnswerOf<Name>;
  }

  /** A request to a server that should answer at once; where it doesn't, the connection is made anew. @throws ClientError */
  async probe<Name extends RequestName>(name: Name, body: RequestInput<Name>): Promise<AnswerOf<Name>> {
    const cancel = this.#owned.after(PROBE_TIMEOUT, () => this.#renew());
    try {
      return await this.request(name, body);
    } finally {
      cancel();
    }
  }

  close(): void {
    this.#owned.close();
  }

  #watch(): void {
    const socket = this.#socket;
    this.#owned.defer(() => void socket.removeAllListeners().disconnect());
    socket.on('connect', () => {
      this.#attempt = 0;
      this.emit('connected', socket.recovered);
    });
    socket.on('connect_error', (thrown) => {
      const error = connectError(thrown);
      if (error.isFinal) this.emit('refused', error);
      else this.#retry(error);
    });
    socket.on('disconnect', (reason) => {
      if (reason === 'io client disconnect') return;
      this.#retry(new ClientError('unreachable', 'The connection to the server was lost.', { cause: reason }));
    });
    for (const name of Object.keys(EVENTS) as EventName[]) socket.on(name, (value: unknown) => this.#heard(name, value));
    // A phone that wakes up, or a network that is back, needn't wait for the next attempt.
    this.#owned.listen(window, 'online', () => this.#retryNow());
    this.#owned.listen(document, 'visibilitychange', () => document.visibilityState === 'visible' && this.#retryNow());
    // Who leaves the page says so, instead of being expected back; one that is kept for the back button comes again from there.
    this.#owned.listen(window, 'pagehide', () => void socket.disconnect());
    this.#owned.listen(window, 'pageshow', (event) => (event as PageTransitionEvent).persisted && socket.connect());
  }

  /** Ends the connection without a goodbye, so that the server expects this client back, and connects again at once. */
  #renew(): void {
    if (!this.#socket.connected) return;
    this.#attempt = 0;
    this.#socket.io.engine.close();
    this.#retryNow();
  }

  #retry(error: ClientError): void {
    this.#cancelRetry?.();
    this.#cancelRetry = this.#owned.after(backoff(this.#attempt), () => {
      this.#cancelRetry = undefined;
      this.#connect();
    });
    this.#attempt += 1;
    this.emit('lost', error);
  }

  #retryNow(): void {
    if (!this.#cancelRetry) return;
    this.#cancelRetry();
    this.#cancelRetry = undefined;
    this.#connect();
  }

  #connect(): void {
    this.#socket.io.timeout(this.#attempt % 4 === 0 ? CONNECT_TIMEOUT : RECONNECT_TIMEOUT);
    this.#socket.connect();
  }

  #heard(name: EventName, value: unknown): void {
    const parsed = EVENTS[name].safeParse(value);
    // A newer server may say more than this client knows; what it can't read it leaves out.
    if (parsed.success) this.emit('event', { name, value: parsed.data } as SignallingEvents['event'][0]);
  }
}

const Ack = z.object({ ok: z.unknown().optional(), error: ErrorEvent.optional() });
const Refusal = z.object({ data: ErrorEvent });

/** socket.io carries the server's refusal in `data`; anything else means that nobody was there. */
function connectError(thrown: Error): ClientError {
  const refusal = Refusal.safeParse(thrown);
  if (refusal.success) return serverError(refusal.data.data);
  return new ClientError('unreachable', "The server can't be reached.", { cause: thrown });
}
