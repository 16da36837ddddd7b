import { Adapter, type BroadcastOptions, type Session } from 'socket.io-adapter';

/** Events kept for each client, ready to be sent again. A client that missed more starts anew. */
const KEPT = 200;
const EVENT = 2;

type Dropped = Parameters<Adapter['persistSession']>[0];

interface Client {
  /** The newest ones; each ends with its number. */
  readonly events: unknown[][];
  sent: number;
  dropped?: Dropped;
  /** Where `replay` begins. */
  from?: string;
}

/** What of socket.io's namespace is used here; the adapter's types leave it open. */
interface Sockets {
  readonly sockets: ReadonlyMap<string, { readonly pid: string; readonly conn: { close(discard: boolean): void } }>;
}

/**
 * Connection state recovery: a client whose connection dropped comes back as itself and gets what it missed, each event once.
 * socket.io's own adapter forgets by age, so that a client who had a quiet minute can't come back, and it refuses one whose old connection
 * looks alive, which is what a change of network leaves behind.
 */
export class RecoveryAdapter extends Adapter {
  readonly #clients = new Map<string, Client>();

  override broadcast(packet: { type: number; id?: number; data: unknown[] }, options: BroadcastOptions): void {
    const [sid] = options.rooms;
    if (packet.type === EVENT && packet.id === undefined && sid !== undefined) this.#keep(sid, packet.data);
    super.broadcast(packet, options);
  }

  /** A connection dropped. */
  override persistSession(session: Dropped): void {
    this.#client(session.sid).dropped = session;
  }

  /** Rejects where there is nothing to go on from; the client is then a new one. What it missed is sent by `replay`. */
  override async restoreSession(pid: string, offset: string): Promise<Session> {
    const half = (this.nsp as Sockets).sockets.values().find((socket) => socket.pid === pid);
    half?.conn.close(true);
    const client = this.#clients.values().find(({ dropped }) => dropped?.pid === pid);
    if (!client?.dropped || !client.events.some((event) => event.at(-1) === offset)) throw new Error('nothing to go on from');
    client.from = offset;
    return { ...client.dropped, missedPackets: [] };
  }

  /** Sends what a client that is back has missed. To be called once it is connected, since until then it misses more. */
  replay(sid: string): void {
    const client = this.#clients.get(sid);
    if (!client) return;
    const missed = client.events.slice(client.events.findIndex((event) => event.at(-1) === client.from) + 1);
    delete client.dropped;
    for (const data of missed) super.broadcast({ type: EVENT, data }, { rooms: new Set([sid]) });
  }

  /** A client left for good. */
  forget(sid: string): void {
    this.#clients.delete(sid);
  }

  #keep(sid: string, data: unknown[]): void {
    const client = this.#client(sid);
    client.sent += 1;
    data.push(String(client.sent));
    client.events.push(data);
    if (client.events.length > KEPT) client.events.shift();
  }

  #client(sid: string): Client {
    const client = this.#clients.get(sid) ?? { events: [], sent: 0 };
    this.#clients.set(sid, client);
    return client;
  }
}
