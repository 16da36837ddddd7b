import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { io, type Socket } from 'socket.io-client';
import { systemClock } from '#base/clock.ts';
import { createLog } from '#base/log.ts';
import { createLimits, type LimitKind } from '#server/auth/limits.ts';
import { Tokens } from '#server/auth/tokens.ts';
import { MemoryHistory } from '#server/sessions/memory-history.ts';
import { SessionRegistry } from '#server/sessions/registry.ts';
import { silentParts, type SilentParts } from '#server/sessions/silent.fixture.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { attachSignalling, type SignallingOptions } from './gateway.ts';

export const SECRET = 'sixteen characters at least';

interface Wishes {
  readonly config?: Partial<SignallingOptions['config']>;
  readonly rates?: Partial<Record<LimitKind, number>>;
  /** Without it no token is needed to create a session. */
  readonly guarded?: boolean;
  readonly dataDir?: string;
}

/** The sockets over silent stages, on a port of their own. */
export async function silentSignalling({ config, rates = {}, guarded = true, dataDir = '/nonexistent' }: Wishes = {}) {
  const parts: SilentParts[] = [];
  const lines: string[] = [];
  const clients: Socket[] = [];
  const metrics = createMetrics();
  const clock = systemClock;
  const log = createLog('debug', { write: (line) => lines.push(line) });
  const tokens = await Tokens.open({ secret: guarded ? SECRET : undefined, dataDir, ttl: 60_000, clock });
  const sessions = await SessionRegistry.open({
    open: async () => {
      const opened = silentParts();
      parts.push(opened);
      return opened;
    },
    maxSessions: 100,
    idleTimeout: 600_000,
    retention: 600_000,
    history: new MemoryHistory(),
    clock,
    log,
    metrics,
  });
  const server = createServer();
  const limits = createLimits(rates, metrics, clock);
  const signalling = attachSignalling(server, {
    config: { publicUrl: undefined, allowedOrigins: [], maxViewers: 100, maxConnections: 1_000, trustProxy: [], ...config },
    sessions,
    tokens,
    limits,
    metrics,
    clock,
    log,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const client = (auth: Record<string, unknown>, options: Parameters<typeof io>[1] = {}): Socket => {
    const socket = io(url, { auth, forceNew: true, reconnection: false, transports: ['websocket'], ...options });
    clients.push(socket);
    return socket;
  };
  return {
    url,
    port,
    sessions,
    tokens,
    metrics,
    parts,
    lines,
    client,
    /** A connected socket, or the refusal. */
    async enter(auth: Record<string, unknown>, options: Parameters<typeof io>[1] = {}) {
      const socket = client(auth, options);
      const refusal = await new Promise<(Error & { data?: { code: string; details?: object } }) | undefined>((resolve) =>
        socket.once('connect', () => resolve(undefined)).once('connect_error', resolve),
      );
      return { socket, refusal };
    },
    async close() {
      for (const each of clients) each.disconnect();
      await signalling.close('test over');
      await sessions.close('test over');
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}
