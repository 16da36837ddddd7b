import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { systemClock } from '#base/clock.ts';
import { Lifetime } from '#base/lifetime.ts';
import { NetworkPath, type PathCounts, type PathFaults } from './network-path.ts';

/** Where viewers are told to go (`ANNOUNCED_ADDRESS`), and where the SFU really is. */
export const RELAY_ADDRESS = '127.0.0.2';
const SERVER_ADDRESS = '127.0.0.1';
/** A keyframe arrives all at once. */
const BUFFER_BYTES = 1_000_000;

export type Direction = 'toServer' | 'toViewers';

interface Client {
  readonly address: string;
  readonly port: number;
  upstream: Socket;
}

/**
 * A bad network between viewers and the SFU: the worker listens on 127.0.0.1, the relay on 127.0.0.2 with the same port, and a server with
 * `ANNOUNCED_ADDRESS=127.0.0.2` sends its viewers there. Each client address has a socket of its own towards the server, as behind a NAT.
 */
export class UdpRelay {
  readonly #port: number;
  readonly #socket: Socket;
  readonly #clients = new Map<string, Client>();
  readonly #paths: Record<Direction, NetworkPath>;
  readonly #life = new Lifetime();

  private constructor(socket: Socket, port: number, seed: number) {
    this.#socket = socket;
    this.#port = port;
    this.#paths = { toServer: new NetworkPath(systemClock, seed), toViewers: new NetworkPath(systemClock, seed + 1) };
    this.#life.defer(() => closed(socket));
    this.#life.defer(() => this.#eachClient(({ upstream }) => closed(upstream)));
    this.#life.defer(() => Object.values(this.#paths).forEach((path) => path.close()));
    socket.on('message', (data, from) => this.#fromViewer(data, from));
  }

  /** `port` is the worker's (`RTC_PORT` + its number). Perfect until told otherwise. */
  static async open({ port, seed = 1 }: { port: number; seed?: number }): Promise<UdpRelay> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES });
    socket.bind(port, RELAY_ADDRESS);
    await once(socket, 'listening');
    return new UdpRelay(socket, port, seed);
  }

  get counts(): Readonly<Record<Direction, Readonly<PathCounts>>> {
    return { toServer: { ...this.#paths.toServer.counts }, toViewers: { ...this.#paths.toViewers.counts } };
  }

  /** Client addresses seen so far. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Changes these faults in one direction, or in both. */
  shape(faults: Partial<PathFaults>, direction?: Direction): void {
    const directions: readonly Direction[] = direction ? [direction] : ['toServer', 'toViewers'];
    for (const name of directions) this.#paths[name].faults = { ...this.#paths[name].faults, ...faults };
  }

  /** Every client comes from another port from now on, and what is sent to its old one is lost: its network changed. */
  rebind(): Promise<void> {
    return this.#eachClient((client) => {
      const old = client.upstream;
      client.upstream = this.#openUpstream(client);
      return closed(old);
    });
  }

  /** Idempotent. */
  close(): Promise<void> {
    return this.#life.close('closed');
  }

  #fromViewer(data: Buffer, { address, port }: RemoteInfo): void {
    const client = this.#client(address, port);
    this.#paths.toServer.send(data.length, () => client.upstream.send(data, this.#port, SERVER_ADDRESS));
  }

  #client(address: string, port: number): Client {
    const name = `${address}:${String(port)}`;
    let client = this.#clients.get(name);
    if (!client) {
      client = { address, port, upstream: this.#openUpstream({ address, port }) };
      this.#clients.set(name, client);
    }
    return client;
  }

  #openUpstream({ address, port }: { address: string; port: number }): Socket {
    const upstream = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES });
    upstream.bind(0, SERVER_ADDRESS);
    return upstream.on('message', (data) => {
      this.#paths.toViewers.send(data.length, () => this.#socket.send(data, port, address));
    });
  }

  async #eachClient(act: (client: Client) => Promise<void>): Promise<void> {
    await Promise.all([...this.#clients.values()].map(act));
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.close(resolve);
  });
}
