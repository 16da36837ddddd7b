import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa, type ResultPromise } from 'execa';

const STDIO = { stdin: 'ignore', reject: false, buffer: false } as const;

/** Debian's redis-server on a port of its own, keeping what it is told on disk; can be killed, stopped for a while and started again. */
export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #args: readonly string[];
  #child: ResultPromise<typeof STDIO> | undefined;

  private constructor(port: number, folder: string, args: readonly string[]) {
    this.port = port;
    this.#folder = folder;
    this.#args = args;
  }

  /** `settings` as redis.conf has them, e.g. `{ requirepass: 'x' }`. */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'redis-'));
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const server = new RedisServer(await freePort(), folder, args);
    await server.again();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${String(this.port)}`;
  }

  /** Starts it with what it kept. */
  async again(): Promise<void> {
    const kept = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder, '--save', ''];
    // `everysec` may hold back what it has acknowledged while it syncs: a kill then loses it.
    kept.push('--appendonly', 'yes', '--appendfsync', 'always');
    const child = execa('redis-server', [...kept, ...this.#args], STDIO);
    this.#child = child;
    const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
    const said: string[] = [];
    createInterface(child.stdout).on('line', (line) => {
      said.push(line);
      if (line.includes('Ready to accept connections')) resolve();
    });
    void child.then(() => reject(new Error(`redis-server ended:\n${said.join('\n')}`)));
    await ready;
  }

  /** As when its machine loses its memory limit, its power or its patience. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#child;
  }

  /** While it hangs, it takes connections and answers nothing. */
  hang(isHanging: boolean): void {
    this.#child?.kill(isHanging ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Says something to it by its own client. */
  async say(...args: string[]): Promise<string> {
    const { stdout } = await execa('redis-cli', ['-p', String(this.port), ...args]);
    return stdout;
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}
