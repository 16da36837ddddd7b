import type { IncomingMessage } from 'node:http';
import { WebSocket, type ClientOptions } from 'ws';
import { z } from 'zod';
import type { Clock } from '#base/clock.ts';
import { Broken, failureOfError, failureOfStatus, retryAfterOf, type Failure, type Status } from '#base/failure.ts';
import { Queue } from '#base/queue.ts';
import type { Line } from './live.ts';

/** Messages that nobody has read yet; older ones only say less than newer ones. */
const UNREAD = 256;
/** Bytes of an answer that are looked into. */
const LOOKED_INTO = 4_096;

/** For sockets that carry text: one that is larger is none of ours. */
export const SOCKET_OPTIONS = { maxPayload: 1 << 20, perMessageDeflate: false } satisfies ClientOptions;

/** The server answered with HTTP in place of opening a socket. */
export class NoSocket extends Error {
  readonly status: number;
  readonly detail: string;
  readonly retryAfter: string | undefined;

  constructor({ statusCode = 0, headers }: IncomingMessage, detail: string) {
    super(`HTTP ${statusCode}`);
    this.status = statusCode;
    this.detail = detail;
    this.retryAfter = headers['retry-after'];
  }
}

/** What an error of a line means. */
export function lineFailure(thrown: unknown, begun: boolean, clock: Clock): Failure {
  if (!(thrown instanceof NoSocket)) return failureOfError(thrown, begun);
  const { status, detail, retryAfter } = thrown;
  if (status < 400) return { kind: 'garbage', because: `it answered ${status} where a WebSocket was asked for` };
  const answer: Status = { status, detail, retryAfter: retryAfterOf(retryAfter, clock.wall()) };
  return failureOfStatus(answer);
}

/** A WebSocket to a recogniser that talks JSON. */
export class SocketLine implements Line<object> {
  readonly #socket: WebSocket;
  readonly #messages = new Queue<unknown>(UNREAD, 'drop-oldest');
  readonly #ready = Promise.withResolvers<void>();
  #state: 'open' | 'closed' = 'open';

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** @param hello sent first; the line is ready with the first message after it */
  static over(socket: WebSocket, hello: readonly object[] = []): SocketLine {
    const line = new SocketLine(socket);
    // Whoever waits for it hears of it.
    line.#ready.promise.catch(() => undefined);
    socket.on('open', () => hello.forEach((message) => line.send(message)));
    socket.on('message', (data: Buffer, isBinary) => line.#hear(data.toString(), isBinary));
    socket.on('unexpected-response', (_request, response) => void detailOf(response).then((error) => line.#fail(error)));
    // ws's own complaints are about what came; others about the way there.
    socket.on('error', (error) => line.#fail('code' in error && /^WS_ERR/.test(String(error.code)) ? unreadable() : error));
    socket.on('close', () => line.#fail(new Broken('cut', 'it closed the connection')));
    return line;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get messages(): AsyncIterable<unknown> {
    return this.#messages;
  }

  send(message: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  close(): Promise<void> {
    this.#fail(new Broken('cut', 'it was closed'));
    return Promise.resolve();
  }

  #hear(text: string, isBinary: boolean): void {
    try {
      if (isBinary) throw new SyntaxError('binary');
      void this.#messages.push(JSON.parse(text) as unknown);
      this.#ready.resolve();
    } catch {
      this.#fail(unreadable());
    }
  }

  #fail(error: Error): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#messages.fail(error);
    this.#ready.reject(error);
    // No farewell: what its server still has to say is no longer wanted, and it may be gone.
    this.#socket.terminate();
  }
}

const unreadable = (): Broken => new Broken('garbage', 'what it says can not be read');

const Refusal = z
  .object({
    error: z.object({ code: z.unknown(), type: z.unknown() }).partial(),
    detail: z.object({ status: z.unknown(), code: z.unknown() }).partial(),
  })
  .partial();

/** Of what a server writes only its code is taken over, as far as it is a plain word: the rest may repeat parts of the key. */
async function detailOf(response: IncomingMessage): Promise<NoSocket> {
  let text = '';
  try {
    for await (const piece of response) {
      text += String(piece);
      if (text.length > LOOKED_INTO) break;
    }
  } catch {
    // What came of it will do.
  }
  return new NoSocket(response, wordIn(text));
}

function wordIn(text: string): string {
  try {
    const { error, detail } = Refusal.parse(JSON.parse(text));
    const words = [error?.code, error?.type, detail?.status, detail?.code];
    return words.find((word): word is string => typeof word === 'string' && /^[\w.-]{1,60}$/.test(word)) ?? '';
  } catch {
    return '';
  }
}
