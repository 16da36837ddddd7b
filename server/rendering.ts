import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { FRAME_LINK_PATH } from '#protocol/frame-link.ts';
import type { Tokens } from './auth/tokens.ts';
import { avatars } from './avatars/catalogue.ts';
import type { Bus } from './bus/bus.ts';
import type { Config } from './config.ts';
import { likenessesOf } from './likenesses.ts';
import { countWaiting, openBus } from './open-bus.ts';
import { patternRenderer } from './render/pattern.ts';
import { portraitRenderer } from './render/portrait.ts';
import { remoteRenderer, type Door, type RemoteOptions, type RemoteRenderer, type Understudy } from './render/remote/remote.ts';
import type { Renderer } from './render/renderer.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** Who draws, and what that takes. */
export interface Rendering {
  readonly renderer: Renderer;
  /** Stands in for it where it can't draw in time. */
  readonly understudy: Renderer | undefined;
  /** Where GPU workers do its work: what is closed before their links are, and their way in. */
  readonly remote: (Door & { close(reason: string): Promise<void> }) | undefined;
  /** What of it can't be reached now. */
  missing(): readonly string[];
  close(reason: string): Promise<void>;
}

interface Around {
  readonly tokens: Promise<Tokens>;
  /** Where HTTP is listened on. */
  readonly port: () => number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The renderer that is configured. */
export async function openRendering(
  config: Config,
  given: { readonly renderer?: Renderer; readonly bus?: Bus },
  around: Around,
): Promise<Rendering> {
  const life = new Lifetime();
  try {
    const own = <T extends { close(reason: string): Promise<void> }>(part: T): T => {
      life.defer((reason) => part.close(reason));
      return part;
    };
    const close = (reason: string): Promise<void> => life.close(reason);
    const { clock, log, metrics } = around;
    const alone = (renderer: Renderer): Rendering => ({
      renderer: own(renderer),
      understudy: undefined,
      remote: undefined,
      missing: () => [],
      close,
    });
    if (given.renderer) return alone(given.renderer);
    if (config.renderer === 'pattern') return alone(createPattern(config, clock));
    const portrait = await portraitRenderer({ avatars: avatars(), size: sizeOf(config), log, clock, metrics });
    if (config.renderer === 'portrait') return alone(portrait);
    const understudy = own(portrait);
    const bus = own(given.bus ?? (await openBus(config.remote.redisUrl, { clock, log, metrics })));
    life.defer(countWaiting(bus, config.remote.engine, metrics));
    const engines = await openEngines(config, { ...around, bus, understudy });
    engines.forEach(own);
    const [renderer] = engines;
    const missing = (): string[] => (bus.reachable ? [] : ['Redis, by which GPU workers are found']);
    return { renderer, understudy, remote: doorOf(engines), missing, close };
  } catch (error) {
    await life.close('could not start');
    throw error;
  }
}

function createPattern({ pattern }: Config, clock: Clock): Renderer {
  const { delay: delayMs, failAfter, ...faults } = pattern;
  return patternRenderer({ ...faults, delayMs, clock, ...(failAfter === undefined ? {} : { failAfter }) });
}

/** An understudy draws in the size of the stage it steps onto. */
const sizeOf = ({ renderer, remote }: Config) => (renderer === 'remote' ? remote.size : { width: 512, height: 512 });

/** The engine that is configured; behind it those that stand in for it, and at last the face of the processor, where the avatar has one. */
async function openEngines(
  config: Config,
  { tokens, port, understudy, ...parts }: Around & { readonly bus: Bus; readonly understudy: Renderer },
): Promise<readonly [RemoteRenderer, ...RemoteRenderer[]]> {
  const { engine, fallbacks, size, patience } = config.remote;
  const options: Omit<RemoteOptions, 'engine'> = {
    ...parts,
    size,
    patience,
    url: () => `${linkOrigin(config, port())}${FRAME_LINK_PATH}`,
    sign: async (lease, ttl) => (await tokens).issueForLease(lease, ttl),
    likeness: likenessesOf(understudy, join(config.dataDir, 'avatars')),
  };
  const others = await Promise.all(fallbacks.map((name) => remoteRenderer({ ...options, engine: name, name })));
  const understudies: Understudy[] = [
    ...others.map((renderer) => ({ renderer, can: () => renderer.isFree() })),
    { renderer: understudy, can: (avatar) => avatars().some(({ id }) => id === avatar) },
  ];
  return [await remoteRenderer({ ...options, engine, understudies }), ...others];
}

function doorOf(engines: readonly RemoteRenderer[]): NonNullable<Rendering['remote']> {
  const whose = (lease: string): RemoteRenderer | undefined => engines.find((engine) => engine.isWanted(lease));
  return {
    isWanted: (lease) => whose(lease) !== undefined,
    async accept(lease, socket) {
      const engine = whose(lease);
      if (!engine) throw new AvatarError('not_found', 'Nobody waits for this lease any more.');
      await engine.accept(lease, socket);
    },
    async close(reason) {
      await Promise.all(engines.map((engine) => engine.close(reason)));
    },
  };
}

/** Where workers reach this server: as told, as everybody does, or on this machine. */
function linkOrigin({ remote, publicUrl, host }: Config, port: number): string {
  if (remote.linkUrl !== undefined) return remote.linkUrl;
  if (publicUrl !== undefined) return publicUrl.replace(/^http/, 'ws');
  const here = ['0.0.0.0', '::', '[::]', 'localhost'].includes(host) ? '127.0.0.1' : host;
  return `ws://${here}:${port}`;
}
