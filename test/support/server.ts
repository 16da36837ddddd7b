import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createSocket } from 'node:dgram';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { CreatedSession, type CreateSession, type StageStatus } from '#protocol/http.ts';
import { keepIdleLoops, lendIdleLoops } from './idle-loops.ts';

/** The real server in a process of its own, on free ports, with a data folder of its own. */
export interface RunningServer {
  readonly url: string;
  readonly pid: number;
  /** The first media worker's port, UDP and TCP: where a `UdpRelay` listens for it, with `ANNOUNCED_ADDRESS: RELAY_ADDRESS`. */
  readonly rtcPort: number;
  /** Each line it logged so far, parsed. */
  readonly log: readonly Record<string, unknown>[];
  /** All it wrote to stdout and stderr so far. */
  readonly output: readonly string[];
  readonly dataDir: string;
  createSession(request?: CreateSession): Promise<CreatedSession>;
  stage(session: CreatedSession): Promise<StageStatus>;
  call(method: string, path: string, body?: unknown, token?: string): Promise<{ status: number; body: unknown }>;
  /** SIGTERM, and what came of it. */
  stop(): Promise<{ exitCode: number | undefined; tookMs: number }>;
}

/** A port that was free for UDP and TCP a moment ago, with the next ones for further workers. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 30_000);
    const tcp = await new Promise<boolean>((resolve) => {
      const probe = createServer()
        .once('error', () => resolve(false))
        .listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    const udp = await new Promise<boolean>((resolve) => {
      const probe = createSocket('udp4').once('error', () => resolve(false));
      probe.bind(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (tcp && udp) return port;
  }
}

/** Faces that listen and think take seconds to draw and are wanted by few tests. */
const WITHOUT = { EXPRESSIONS: 'off' };

/** @param program what to run instead of the product, with its arguments; it must log as the product does */
export async function startServer(
  env: Record<string, string> = {},
  program: readonly string[] = ['server/main.ts'],
): Promise<RunningServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'infinitetalk-rtc-'));
  await lendIdleLoops(dataDir);
  const rtcPort = Number(env['RTC_PORT'] ?? (await freePort()));
  const child = execa(process.execPath, program, {
    env: { PORT: '0', RTC_PORT: String(rtcPort), RTC_WORKERS: '1', DATA_DIR: dataDir, LOG_LEVEL: 'info', ...WITHOUT, ...env },
    reject: false,
    stdin: 'ignore',
    buffer: false,
    forceKillAfterDelay: 15_000,
  });
  const log: Record<string, unknown>[] = [];
  const complaints: string[] = [];
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => output.push(data.toString()));
  child.stderr.on('data', (data: Buffer) => complaints.push(data.toString()));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry['msg'] === 'ready') resolve(String(entry['url']));
    });
    void child.then(({ exitCode }) =>
      reject(new Error(`the server ended with ${String(exitCode)}: ${complaints.join('')}${JSON.stringify(log.slice(-3))}`)),
    );
  });
  const call: RunningServer['call'] = async (method, path, body, token) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
  };
  return {
    url,
    pid: child.pid ?? 0,
    rtcPort,
    log,
    output,
    dataDir,
    call,
    async createSession(request = {}) {
      const { status, body } = await call('POST', '/v1/sessions', request);
      if (status !== 201) throw new Error(`session refused: ${JSON.stringify(body)}`);
      return CreatedSession.parse(body);
    },
    async stage(session) {
      return (await call('GET', `/v1/sessions/${session.id}/stage`, undefined, session.token)).body as StageStatus;
    },
    async stop() {
      const started = performance.now();
      child.kill('SIGTERM');
      const { exitCode } = await child;
      await keepIdleLoops(dataDir);
      await rm(dataDir, { recursive: true, force: true });
      return { exitCode, tookMs: performance.now() - started };
    },
  };
}
