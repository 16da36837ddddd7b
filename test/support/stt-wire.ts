import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Certificate } from './certificate.ts';

/** One call of a recogniser, as it came. */
export interface Call {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** What was said over its socket. */
  readonly messages: Record<string, unknown>[];
  /** The fields of its form, where it is a request. */
  readonly form: Record<string, string | readonly string[]>;
  /** Mono s16, at whatever rate its protocol has; as far as it came. */
  sound: Int16Array;
  /** Unix ms. */
  readonly at: number;
  /** The client is gone, or was made to go. */
  left: boolean;
}

/** How a call may be answered. */
export interface Way {
  /** With a socket, where one was asked for. */
  accept(): Promise<WebSocket>;
  /** With plain HTTP. */
  answer(status: number, body?: unknown, headers?: Record<string, string>): void;
  destroy(): void;
}

/** One way to answer, well or badly. */
export type Behaviour = (call: Call, way: Way) => void | Promise<void>;

/** A small server on a port of its own that speaks a recogniser's wire protocol, over sockets and requests. */
export interface SttWire {
  readonly url: string;
  readonly calls: Call[];
  /** How the next calls are answered, one after the other; the last one stays. */
  behaviours: Behaviour[];
  kill(): Promise<void>;
}

export async function startSttWire(behaviours: Behaviour[], certificate?: Certificate): Promise<SttWire> {
  const calls: Call[] = [];
  const wire = { url: '', calls, behaviours, kill };
  const sockets = new WebSocketServer({ noServer: true });
  const server = certificate ? createHttps({ ...certificate }) : createHttp();
  const behave = async (call: Call, way: Way): Promise<void> => {
    calls.push(call);
    const behaviour = wire.behaviours.length > 1 ? wire.behaviours.shift() : wire.behaviours[0];
    await behaviour?.(call, way);
  };
  server.on('upgrade', (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const call = callOf(request);
    let accepted = false;
    duplex.on('close', () => (call.left = true)).on('error', () => undefined);
    const accept = (): Promise<WebSocket> => {
      accepted = true;
      return new Promise((resolve) => sockets.handleUpgrade(request, duplex, head, (socket) => resolve(heardIn(call, socket))));
    };
    const answer: Way['answer'] = (...what) => duplex.end(written(...what));
    void behave(call, { accept, answer, destroy: () => duplex.destroy() }).then(() => {
      // One that isn't read doesn't hear that its client is gone.
      if (!accepted) duplex.resume().on('end', () => duplex.end());
    });
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const call = callOf(request);
    response.on('close', () => (call.left = !response.writableFinished));
    void readForm(call, request)
      .then(() =>
        behave(call, {
          accept: () => Promise.reject(new Error('no socket was asked for')),
          answer: (status, body = {}, headers = {}) =>
            response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(textOf(body)),
          destroy: () => response.destroy(),
        }),
      )
      .catch(() => request.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  wire.url = `http${certificate ? 's' : ''}://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  async function kill(): Promise<void> {
    for (const socket of sockets.clients) socket.terminate();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }
  return wire;
}

function callOf(request: IncomingMessage): Call {
  const url = new URL(request.url ?? '/', 'http://wire');
  return {
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    messages: [],
    form: {},
    sound: new Int16Array(0),
    at: Date.now(),
    left: false,
  };
}

/** Keeps what is said over `socket` in `call`, its sound put together. */
function heardIn(call: Call, socket: WebSocket): WebSocket {
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Record<string, unknown>;
    call.messages.push(message);
    const base64 = message['audio'] ?? message['audio_base_64'];
    if (typeof base64 === 'string') call.sound = Int16Array.from([...call.sound, ...samplesIn(Buffer.from(base64, 'base64'))]);
  });
  return socket;
}

async function readForm(call: Call, request: IncomingMessage): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const type = request.headers['content-type'] ?? '';
  if (!type.startsWith('multipart/')) return;
  const form = await new Response(Buffer.concat(parts), { headers: { 'content-type': type } }).formData();
  for (const name of new Set(form.keys())) {
    const values = form.getAll(name);
    const [first] = values;
    if (first instanceof File) call.sound = samplesIn(Buffer.from(await first.arrayBuffer()).subarray(44));
    else call.form[name] = name.endsWith('[]') ? values.map(String) : String(first);
  }
}

const samplesIn = (bytes: Buffer): Int16Array =>
  Int16Array.from({ length: bytes.length >> 1 }, (_, n) => bytes.readInt16LE(n * 2));

const textOf = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body));

function written(status: number, body: unknown = {}, headers: Record<string, string> = {}): string {
  const text = textOf(body);
  const lines = Object.entries({
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    ...headers,
  });
  return [`HTTP/1.1 ${status} As Told`, ...lines.map(([name, value]) => `${name}: ${value}`), 'connection: close', '', text].join(
    '\r\n',
  );
}

/** An HTTP status, whatever was asked for. */
export const http =
  (status: number, body?: unknown, headers?: Record<string, string>): Behaviour =>
  (_call, way) =>
    way.answer(status, body, headers);

/** Takes the call and never answers. */
export const dumb: Behaviour = () => undefined;

/** Closes the connection at once. */
export const hungUp: Behaviour = (_call, way) => way.destroy();

/** A web page, as proxies send it. */
export const welcomePage: Behaviour = (_call, way) =>
  way.answer(200, '<html><body>Welcome to nginx!</body></html>', { 'content-type': 'text/html' });
