import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A network between a page and the server's HTTP port that can be cut, refuse everybody, or fall silent without a word. */
export class TcpProxy {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #stranded: Socket[] = [];
  #isSilent = false;
  #isRefusing = false;

  private constructor(server: Server, url: string, target: number) {
    this.#server = server;
    this.url = url;
    server.on('connection', (near) => this.#join(near, target));
  }

  /** In front of `origin`, e.g. `http://127.0.0.1:3000`. */
  static async open(origin: string): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening on a port');
    return new TcpProxy(server, `http://127.0.0.1:${String(address.port)}`, Number(new URL(origin).port));
  }

  /** Every connection breaks; new ones are let through. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Whether new connections are turned away. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing;
  }

  /** While silent, nothing passes and nothing breaks, as where the network is gone; what was held passes afterwards. */
  silence(isSilent: boolean): void {
    this.#isSilent = isSilent;
    for (const socket of this.#sockets) socket[isSilent ? 'pause' : 'resume']();
  }

  /** What is open now is dead for good and nobody is told, as after a change of network; new connections are let through. */
  strand(): void {
    for (const socket of this.#sockets) {
      socket.removeAllListeners().on('error', () => undefined);
      socket.pause();
      this.#stranded.push(socket);
    }
    this.#sockets.clear();
  }

  async close(): Promise<void> {
    this.cut();
    for (const socket of this.#stranded) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near: Socket, target: number): void {
    if (this.#isRefusing) return void near.destroy();
    const far = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (data) => to.write(data));
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      if (this.#isSilent) from.pause();
    }
  }
}
