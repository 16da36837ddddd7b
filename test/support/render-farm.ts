import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#base/clock.ts';
import { Lifetime } from '#base/lifetime.ts';
import { silentLog } from '#base/log.ts';
import { createLimits } from '#server/auth/limits.ts';
import { Tokens } from '#server/auth/tokens.ts';
import type { Bus } from '#server/bus/bus.ts';
import { MemoryBus } from '#server/bus/memory-bus.ts';
import { attachFrameLink } from '#server/frame-link.ts';
import { remoteRenderer, type Likeness, type RemoteOptions, type RemoteRenderer } from '#server/render/remote/remote.ts';
import { createMetrics, type Metrics } from '#server/telemetry/metrics.ts';
import { GpuWorker, type GpuWorkerOptions } from './gpu-worker.ts';

/** A remote renderer behind its real door, a bus, and as many workers as are asked for. */
export interface RenderFarm {
  readonly renderer: RemoteRenderer;
  readonly bus: Bus;
  readonly metrics: Metrics;
  readonly tokens: Tokens;
  /** Where workers dial. */
  readonly url: string;
  worker(options?: Partial<GpuWorkerOptions>): GpuWorker;
  close(): Promise<void>;
}

const image = Buffer.from('a picture of nora');
const NORA: Likeness = {
  id: 'nora',
  prompt: 'talks',
  mime: 'image/png',
  image,
  hash: createHash('sha256').update(image).digest('hex'),
};

export const ENGINE = 'test-engine';

type Opened = Omit<RenderFarm, 'worker'>;

/** A remote renderer behind its real door, on that bus, which is closed with it. */
export async function openRenderer(bus: Bus, options: Partial<RemoteOptions> = {}): Promise<Opened> {
  const life = new Lifetime();
  const dataDir = await mkdtemp(join(tmpdir(), 'farm-'));
  life.defer(() => rm(dataDir, { recursive: true }));
  life.defer((reason) => bus.close(reason));
  const clock = systemClock;
  const metrics = createMetrics();
  const tokens = await Tokens.open({ secret: 'a secret of at least sixteen', dataDir, ttl: 60_000, clock });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  life.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}/v1/frame-link`;
  const renderer = await remoteRenderer({
    bus,
    engine: ENGINE,
    size: { width: 64, height: 64 },
    url: () => url,
    sign: (lease, ttl) => tokens.issueForLease(lease, ttl),
    likeness: (avatar) => Promise.resolve({ ...NORA, id: avatar }),
    clock,
    log: silentLog,
    metrics,
    ...options,
  });
  const config = { trustProxy: [], maxConnections: 100 };
  const limits = createLimits({}, metrics, clock);
  const door = attachFrameLink(server, { config, renderer, tokens, limits, log: silentLog });
  life.defer((reason) => door.close(reason));
  const end = renderer.close.bind(renderer);
  life.defer((reason) => end(reason));
  return { renderer, bus, metrics, tokens, url, close: () => life.close('over') };
}

/** The first worker, so that the renderer knows its shape, is there from the start. */
export async function openFarm(
  first: Partial<GpuWorkerOptions> = {},
  options: Partial<RemoteOptions> = {},
): Promise<RenderFarm & { readonly first: GpuWorker }> {
  const bus = new MemoryBus(systemClock);
  const workers: GpuWorker[] = [];
  const worker = (own: Partial<GpuWorkerOptions> = {}): GpuWorker => {
    const made = new GpuWorker({ bus, engine: ENGINE, ...own });
    workers.push(made);
    return made;
  };
  const firstWorker = worker(first);
  await new Promise((resolve) => setImmediate(resolve));
  const opened = await openRenderer(bus, options);
  const close = async (): Promise<void> => {
    for (const one of workers) one.kill();
    await opened.close();
  };
  return { ...opened, worker, first: firstWorker, close };
}
