import type { Socket } from 'socket.io';

/** Messages that may wait for a client to read them. */
const MAX_UNREAD = 1_000;

/** Calls `end` once a client has let more wait than that: it is gone, or wants our memory. */
export function watchReading(connection: Socket['conn'], end: () => void): void {
  let unread = 0;
  connection.on('packetCreate', () => {
    unread += 1;
    if (unread === MAX_UNREAD) end();
  });
  // All that waited is on its way.
  connection.on('drain', () => (unread = 0));
}
