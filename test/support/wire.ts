import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** A request as it came. */
export interface Asked {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Record<string, unknown>;
  /** Unix ms. */
  readonly at: number;
  /** The client closed the connection before the answer was at its end. */
  left: boolean;
}

/** One way to answer, well or badly. */
export type Answer = (response: ServerResponse, asked: Asked) => void | Promise<void>;

/** A small server on a port of its own that speaks a provider's wire protocol. */
export interface Wire {
  readonly url: string;
  readonly asked: Asked[];
  /** How the next requests are answered, one after the other; the last one stays. */
  answers: Answer[];
  /** Every connection ends now, and nobody gets a new one. */
  kill(): Promise<void>;
}

export async function startWire(...answers: Answer[]): Promise<Wire> {
  const asked: Asked[] = [];
  const wire = { url: '', asked, answers, kill };
  const server = createServer((request, response) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const text = Buffer.concat(parts).toString();
      const url = new URL(request.url ?? '/', 'http://wire');
      const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
      const one: Asked = {
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body,
        at: Date.now(),
        left: false,
      };
      asked.push(one);
      response.on('close', () => (one.left = !response.writableFinished));
      const answer = wire.answers.length > 1 ? wire.answers.shift() : wire.answers[0];
      await answer?.(response, one);
    })().catch(() => request.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  wire.url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  async function kill(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }
  return wire;
}

/** An HTTP status with a JSON body. */
export const status =
  (code: number, body: unknown = {}, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };

/** Takes the request and never answers. */
export const mute: Answer = () => undefined;

/** Closes the connection at once. */
export const slammed: Answer = (response) => void response.destroy();

/** A web page, as proxies send it. */
export const webPage: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Welcome to nginx!</body></html>');
};

export interface Pace {
  /** Between pieces, ms. */
  readonly everyMs?: number;
  /** The connection is cut after so many pieces. */
  readonly cutAfter?: number;
  /** After so many pieces nothing more comes. */
  readonly stuckAfter?: number;
}

/** Sends `pieces` one by one. */
export async function send(response: ServerResponse, pieces: Iterable<string | Uint8Array>, pace: Pace = {}): Promise<void> {
  let sent = 0;
  response.flushHeaders();
  // Headers and nothing else shall have come.
  if (pace.cutAfter === 0) await wait(20);
  for (const piece of pieces) {
    if (sent === pace.cutAfter) return void response.destroy();
    if (sent === pace.stuckAfter) return;
    if (response.destroyed) return;
    await new Promise((resolve) => response.write(piece, resolve));
    if (pace.everyMs !== undefined) await wait(pace.everyMs);
    sent += 1;
  }
  if (sent === pace.cutAfter) return void response.destroy();
  if (sent === pace.stuckAfter) return;
  response.end();
}
