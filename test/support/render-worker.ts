import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';

const FOLDER = join(import.meta.dirname, '../../gpu-render');

/** The real GPU worker's process, with the engine that needs no GPU. */
export interface RenderWorker {
  readonly pid: number;
  readonly log: readonly Record<string, unknown>[];
  /** SIGKILL, SIGSTOP (it hangs, its sockets stay open), SIGCONT, SIGTERM. */
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void;
  /** Resolves with how it ended. */
  readonly ended: Promise<{ readonly exitCode: number | undefined; readonly signal: string | undefined }>;
  stop(): Promise<void>;
}

/** Started, warm, and waiting for leases. */
export async function startRenderWorker(redisUrl: string, settings: Record<string, string> = {}): Promise<RenderWorker> {
  const child = execa('/usr/bin/python3', ['-m', 'gpu_render'], {
    cwd: FOLDER,
    env: { ENGINE: 'standin', REDIS_URL: redisUrl, HEALTH_PORT: '0', LOG_LEVEL: 'debug', ...settings },
    stdin: 'ignore',
    reject: false,
    buffer: false,
  });
  const log: Record<string, unknown>[] = [];
  const complaints: string[] = [];
  const ready = Promise.withResolvers<void>();
  const hear = (line: string): void => {
    if (!line.startsWith('{')) return void complaints.push(line);
    const entry = JSON.parse(line) as Record<string, unknown>;
    log.push(entry);
    if (entry['message'] === 'ready' || entry['msg'] === 'ready') ready.resolve();
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', hear);
  const ended = child.then(({ exitCode, signal }) => ({ exitCode, signal }));
  void ended.then(({ exitCode }) =>
    ready.reject(
      new Error(`the worker ended with ${String(exitCode)}:\n${complaints.join('\n')}${JSON.stringify(log.slice(-3))}`),
    ),
  );
  await ready.promise;
  return {
    pid: child.pid ?? 0,
    log,
    signal: (name) => void child.kill(name),
    ended,
    async stop() {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
