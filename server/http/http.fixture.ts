import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { silentLog } from '#base/log.ts';
import { createLimits, LIMIT_KINDS, type LimitKind } from '#server/auth/limits.ts';
import { Tokens } from '#server/auth/tokens.ts';
import { MemoryHistory } from '#server/sessions/memory-history.ts';
import { SessionRegistry } from '#server/sessions/registry.ts';
import { silentParts, type SilentParts } from '#server/sessions/silent.fixture.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { createHttp } from './server.ts';
import type { HttpOptions } from './options.ts';

export interface Opened {
  readonly id: string;
  readonly token: string;
  readonly urls: Record<'page' | 'signalling' | 'whep' | 'hls', string>;
}

/** The HTTP interface over silent stages. `msPerFrame` is the pace of their speech. */
export async function silentHttp(
  options: Partial<Omit<HttpOptions, 'config'>> & {
    config?: Partial<HttpOptions['config']>;
    secret?: string;
    maxSessions?: number;
    /** Of every kind, a minute; `rates` says otherwise for some. */
    rate?: number;
    rates?: Partial<Record<LimitKind, number>>;
    msPerFrame?: number;
  } = {},
) {
  const { secret, maxSessions = 1_000, rate = 1_000_000, rates = {}, msPerFrame, config, ...rest } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'http-'));
  const metrics = createMetrics();
  const parts: SilentParts[] = [];
  const sessions = await SessionRegistry.open({
    open: async () => {
      const opened = silentParts(systemClock, msPerFrame);
      parts.push(opened);
      return opened;
    },
    maxSessions,
    idleTimeout: 600_000,
    retention: 600_000,
    history: new MemoryHistory(),
    clock: systemClock,
    log: silentLog,
    metrics,
  });
  const tokens = await Tokens.open({ secret, dataDir, ttl: 60_000, clock: systemClock });
  const limits = createLimits(Object.fromEntries(LIMIT_KINDS.map((kind) => [kind, rates[kind] ?? rate])), metrics, systemClock);
  const avatars = oneAvatar(dataDir);
  const app = await createHttp({
    config: { publicUrl: undefined, allowedOrigins: [], trustProxy: [], maxConnections: 1_000, ...config },
    sessions,
    tokens,
    limits,
    metrics,
    log: silentLog,
    pageDir: join(dataDir, 'page'),
    avatars,
    ready: () => [],
    ...rest,
  });
  const headers = secret === undefined ? {} : { authorization: `Bearer ${await tokens.issue({ role: 'server' })}` };
  return {
    app,
    sessions,
    tokens,
    limits,
    metrics,
    avatars,
    parts,
    dataDir,
    async create(payload: Record<string, unknown> = {}): Promise<Opened> {
      const answer = await app.inject({ method: 'POST', url: '/v1/sessions', payload, headers });
      if (answer.statusCode !== 201) throw new Error(answer.body);
      return answer.json<Opened>();
    },
    async close() {
      await app.close();
      await sessions.close('test over');
      await rm(dataDir, { recursive: true });
    },
  };
}

/** One avatar that was made and can be had, changed and deleted as often as one likes; any other id is unknown. */
function oneAvatar(dataDir: string): { -readonly [Call in keyof HttpOptions['avatars']]: HttpOptions['avatars'][Call] } {
  const details = {
    id: 'av_default',
    name: 'Default',
    renderer: 'silent',
    kind: 'clip',
    state: 'ready',
    engines: ['clip'],
  } as const;
  let uploads = 0;
  const get = (id: string) => {
    if (id !== details.id) throw new AvatarError('avatar_not_found', `There is no avatar "${id}".`);
    return { ...details, engines: [...details.engines] };
  };
  return {
    list: () => [details],
    get,
    incoming: async () => join(dataDir, `upload-${(uploads += 1)}`),
    create: async ({ name }) => ({ ...get(details.id), name, state: 'queued' }),
    replace: async (id) => get(id),
    remove: async (id) => void get(id),
  };
}

export type SilentHttp = Awaited<ReturnType<typeof silentHttp>>;
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
