import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer, type RunningServer } from './server.ts';

export interface PluggedServer extends RunningServer {
  /** Keeps its event loop busy. Resolves when that is over, with its beginning and end in Unix ms. */
  block(ms: number): Promise<{ from: number; to: number }>;
  /** Evaluates in one of its worker threads, and doesn't wait for what comes of it. */
  inThread(name: string, expression: string): Promise<void>;
}

/** The real server, with a debugger in its process that can pull plugs. */
export async function startPluggedServer(env: Record<string, string> = {}): Promise<PluggedServer> {
  const folder = await mkdtemp(join(tmpdir(), 'plugs-'));
  const path = join(folder, 'socket');
  const fixture = fileURLToPath(new URL('../fixtures/plugs.ts', import.meta.url));
  const server = await startServer({ ...env, PLUGS: path }, ['--import', fixture, 'server/main.ts']);
  const pull = async (line: string): Promise<string> => {
    const socket = connect(path);
    socket.write(`${line}\n`);
    return Buffer.concat(await Array.fromAsync(socket as AsyncIterable<Buffer>)).toString();
  };
  return {
    ...server,
    async block(ms) {
      const [from = NaN, to = NaN] = (await pull(`block ${ms}`)).split(' ').map(Number);
      return { from, to };
    },
    async inThread(name, expression) {
      await pull(`thread ${name} ${expression}`);
    },
    async stop() {
      const stopped = await server.stop();
      await rm(folder, { recursive: true });
      return stopped;
    },
  };
}
