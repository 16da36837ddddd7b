import type { Server } from 'node:http';
import { addressKey, type Trust } from '#server/auth/addresses.ts';
import { Crowd } from '#server/auth/crowd.ts';
import { writeByHand } from './errors.ts';
import type { Patience } from './options.ts';

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
