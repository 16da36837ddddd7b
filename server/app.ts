import { fileURLToPath } from 'node:url';
import { systemClock } from '#base/clock.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { createLimits } from './auth/limits.ts';
import { Tokens } from './auth/tokens.ts';
import { avatars as builtIns } from './avatars/catalogue.ts';
import type { AvatarStore } from './avatars/store.ts';
import type { Bus } from './bus/bus.ts';
import { openCast } from './cast.ts';
import type { Config } from './config.ts';
import type { Foundation } from './foundation.ts';
import { createHttp, listen } from './http/server.ts';
import { Sfu } from './media/sfu.ts';
import { openSession } from './open-session.ts';
import { createLlm, createStt, createTts } from './providers.ts';
import { attachFrameLink } from './frame-link.ts';
import { rehearse } from './rehearsal.ts';
import { openRendering } from './rendering.ts';
import { openVad } from './listening/vad.ts';
import type { History } from './sessions/history.ts';
import { MemoryHistory } from './sessions/memory-history.ts';
import { SessionRegistry } from './sessions/registry.ts';
import { SqliteHistory } from './sessions/sqlite/sqlite-history.ts';
import { attachSignalling } from './signalling/gateway.ts';
import { watchEventLoop } from './telemetry/event-loop.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { Spending } from './telemetry/spending.ts';
import { fliteTts } from './tts/flite.ts';

export interface App {
  /** Where the page is. */
  readonly url: string;
  /** Lets clauses on air end, then closes everything. Idempotent. */
  close(reason: string): Promise<void>;
}

const PAGE = fileURLToPath(new URL('../dist/client/', import.meta.url));

/** Adapters that stand in for the configured ones. */
export type Adapters = Partial<Pick<Foundation, 'llm' | 'tts' | 'stt' | 'renderer'>> & { readonly bus?: Bus };

/** Builds the server out of its parts; the one place that knows which adapter stands behind which port. */
export async function startApp(config: Config, log: Log, given: Adapters = {}): Promise<App> {
  const life = new Lifetime();
  for (const warning of config.warnings) log.warn(warning);
  try {
    return { url: await start(config, log, life, given), close: (reason) => life.close(reason) };
  } catch (error) {
    await life.close('could not start');
    throw error;
  }
}

async function start(config: Config, log: Log, life: Lifetime, given: Adapters): Promise<string> {
  const clock = systemClock;
  const metrics = createMetrics();
  life.defer(watchEventLoop(clock, log));
  let { port } = config;
  const opening = Tokens.open({ secret: config.authSecret, dataDir: config.dataDir, ttl: config.tokenTtl, clock });
  const [tokens, history, sfu, rendering] = await Promise.all([
    opening,
    owned(life, openHistory(config, log)),
    owned(life, Sfu.create({ ...rtcOf(config), log })),
    owned(life, openRendering(config, given, { tokens: opening, port: () => port, clock, log, metrics })),
  ]);
  const { renderer, understudy, remote } = rendering;
  sfu.on('workerback', () => metrics.sfuWorkerRestarts.inc());
  const limits = createLimits(ratesOf(config), metrics, clock);
  const flite = fliteTts({ log });
  const [llm, tts, stt] = await Promise.all([
    given.llm ?? createLlm(config, { clock, log, metrics }),
    given.tts ?? createTts(config, flite, { clock, log, metrics }),
    owned(life, given.stt ?? createStt(config, { clock, log, metrics })),
  ]);
  const spending = new Spending(config.prices, metrics);
  const { maxViewers, historyTokens, fillers: fills, patience, prefer } = config;
  const speakers = { llm, tts, flite, spending, historyTokens, fills };
  // Until it is known which sessions there are, all may be.
  let registry: SessionRegistry | undefined;
  const isWanted = (avatar: string): boolean => registry?.wants(avatar) ?? true;
  const cast = await openCast(
    { config, store: history.avatars, renderer, understudy, ...speakers, isWanted, clock, log, metrics },
    life,
  );
  const vad = openVad({ clock, log, metrics });
  life.defer((reason) => vad.close(reason));
  const foundation = { sfu, renderer, ...cast, ...speakers, stt, vad, patience, maxViewers, prefer, clock, log, metrics };
  const sessions = (registry = await SessionRegistry.open({
    open: (session, ageMs) => openSession(foundation, session, ageMs),
    maxSessions: config.maxSessions,
    idleTimeout: config.sessionIdleTimeout,
    retention: config.sessionRetention,
    history,
    clock,
    log,
    metrics,
  }));
  cast.avatars.sweep();
  const http = await createHttp({
    config,
    sessions,
    tokens,
    limits,
    metrics,
    log,
    pageDir: PAGE,
    avatars: cast.avatars,
    ready: () => [
      ...(sfu.missing === 0 ? [] : [`${sfu.missing} of ${config.rtcWorkers} media workers being replaced`]),
      ...rendering.missing(),
    ],
  });
  life.defer(() => http.close());
  const signalling = attachSignalling(http.server, { config, sessions, tokens, limits, metrics, clock, log });
  life.defer((reason) => signalling.close(reason));
  if (remote) {
    const links = attachFrameLink(http.server, { config, renderer: remote, tokens, limits, log });
    // What is being drawn says good-bye before its links are cut.
    life.defer(async (reason) => {
      await remote.close(reason);
      await links.close(reason);
    });
  }
  life.defer((reason) => sessions.close(reason));
  port = await listen(http, config);
  // The first visitor shall not wait for the default face's idle loop, nor for a voice that never spoke.
  const first = builtIns()[0]?.id ?? '';
  let rehearsal: Promise<void> | undefined;
  life.defer(() => rehearsal);
  const begin = async (): Promise<void> => {
    await cast.idleLoops.get(first);
    if (life.state === 'open') await (rehearsal = rehearse(first, { ...speakers, renderer, clock, log }, life.signal));
    if (life.state === 'open') await cast.expressions?.prepare(first);
  };
  begin().catch((error: unknown) => {
    if (life.state === 'open') log.error({ err: error }, 'the idle loop could not be made');
  });
  return config.publicUrl ?? `http://${isAnywhere(config.host) ? 'localhost' : config.host}:${String(port)}`;
}

/** What starts becomes `life`'s, also when something beside it fails to start. */
async function owned<T extends { close(reason: string): Promise<void> }>(life: Lifetime, starting: T | Promise<T>): Promise<T> {
  const part = await starting;
  life.defer((reason) => part.close(reason));
  return part;
}

async function openHistory({ database }: Config, log: Log): Promise<History & { readonly avatars: AvatarStore }> {
  return database.kind === 'memory' ? new MemoryHistory() : SqliteHistory.open({ path: database.path, log });
}

function rtcOf({ host, rtcWorkers, rtcPort, announcedAddress }: Config): Omit<Parameters<typeof Sfu.create>[0], 'log'> {
  return { workers: rtcWorkers, rtcPort, announcedAddress, listenIp: /^(127\.|localhost)/.test(host) ? '127.0.0.1' : '0.0.0.0' };
}

const ratesOf = (config: Config): Parameters<typeof createLimits>[0] => ({
  create: config.createRateLimit,
  prompt: config.promptRateLimit,
  request: config.requestRateLimit,
  connection: config.connectionRateLimit,
  auth_failure: config.authFailureRateLimit,
});

const isAnywhere = (host: string): boolean => ['127.0.0.1', '0.0.0.0', '::', '[::]', 'localhost'].includes(host);
