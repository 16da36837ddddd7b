import type { Server } from 'node:http';
import { addressKey, type Trust } from '#server/auth/addresses.ts';
import { Crowd } from '#server/auth/crowd.ts';
import { writeByHand } from './errors.ts';

/** How long clients may take, ms, so that nobody holds a connection by being slow. */
export interface Patience {
  /** From the connection, or the last answer's end, to the end of the headers. */
  readonly headers: number;
  /** To the end of the body. */
  readonly request: number;
  /** Without a byte in either direction while an answer waits to be read. */
  readonly silence: number;
}

export const PATIENCE: Patience = { headers: 10_000, request: 30_000, silence: 60_000 };

/** So many connections of one address at once; proxies we trust speak for many and have no limit. */
export function limitConnections(server: Server, max: number, trusts: Trust): void {
  const crowd = new Crowd(max);
  server.on('connection', (socket) => {
    const { remoteAddress = '' } = socket;
    if (trusts(remoteAddress)) return;
    const leave = crowd.enter(addressKey(remoteAddress));
    if (leave) socket.once('close', leave);
    else writeByHand(socket, '429 Too Many Requests', `One address may have at most ${max} connections at once.`);
  });
}
