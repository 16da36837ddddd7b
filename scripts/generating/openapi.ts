import { VirtualClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createLimits } from '#server/auth/limits.ts';
import { Tokens } from '#server/auth/tokens.ts';
import { createHttp } from '#server/http/server.ts';
import type { HttpOptions } from '#server/http/options.ts';
import { MemoryHistory } from '#server/sessions/memory-history.ts';
import { SessionRegistry } from '#server/sessions/registry.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';

/** The document of /openapi.json, asked of the real routes. Nothing listens and no session is opened. */
export async function describeOpenApi(): Promise<unknown> {
  const clock = new VirtualClock();
  const metrics = createMetrics();
  const log = silentLog;
  const open = () => Promise.reject(new Error('nothing is opened for a description'));
  const history = new MemoryHistory();
  const http = await createHttp({
    config: { publicUrl: undefined, allowedOrigins: [], trustProxy: [], maxConnections: 1 },
    sessions: await SessionRegistry.open({ open, maxSessions: 1, idleTimeout: 1, retention: 1, history, clock, log, metrics }),
    tokens: await Tokens.open({ secret: 'for a description only', dataDir: '', ttl: 1, clock }),
    limits: createLimits({}, metrics, clock),
    metrics,
    log,
    pageDir: '/nowhere',
    avatars: noAvatars,
    ready: () => [],
  });
  try {
    await http.ready();
    return http.swagger();
  } finally {
    await http.close();
  }
}

const nobody = () => Promise.reject(new Error('nothing is made for a description'));
const noAvatars: HttpOptions['avatars'] = {
  list: () => [],
  get: () => {
    throw new Error('there are no avatars in a description');
  },
  incoming: nobody,
  create: nobody,
  replace: nobody,
  remove: nobody,
};
