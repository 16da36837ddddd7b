import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { MS_PER_FRAME, type DrawnFrame, type Size, type VideoFrame, type Window } from '#base/media.ts';
import { newTraceId } from '#base/trace.ts';
import { PictureFormat, type EngineGeometry } from '#protocol/frame-link.ts';
import { WorkerPresence } from '#protocol/lease.ts';
import type { Bus } from '#server/bus/bus.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { Geometry, Renderer, RenderRequest, RenderWatch } from '../renderer.ts';
import { until } from '../until.ts';
import { Drawing } from './drawing.ts';
import { silence, thereAndBack } from './idling.ts';
import { Leases, type LeaseFor, type LeaseOptions } from './lease.ts';
import type { Hello, Likeness } from './link.ts';
import { Paces } from './paces.ts';
import { Pictures } from './pictures.ts';
import { sizesFor } from './sizes.ts';
import type { Understudy } from './understudy.ts';

export type { Likeness } from './link.ts';
export type { Understudy } from './understudy.ts';

export interface RemoteOptions extends Pick<LeaseOptions, 'url' | 'sign'> {
  readonly bus: Bus;
  /** Its name is the name of its queue. */
  readonly engine: string;
  /** The stage's; pictures are scaled to it. Default 512×512. */
  readonly size?: Size;
  /** That workers may send, the best first. Default: all. */
  readonly formats?: readonly PictureFormat[];
  /** Throws `avatar_not_found`. */
  readonly likeness: (avatar: string) => Promise<Likeness>;
  /** What is said of it where it is one of several. Default: remote. */
  readonly name?: string;
  /** Who draws where no worker can in time, the best first. */
  readonly understudies?: readonly Understudy[];
  /** How long a clause may wait for a worker, ms. Default: a minute. */
  readonly patience?: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The door that workers' links come in by. */
export interface Door {
  /** Whether somebody still waits for that lease. */
  isWanted(lease: string): boolean;
  /** A worker's socket, once its token was found to be for that lease. Throws `not_found`. */
  accept(lease: string, socket: WebSocket): Promise<void>;
}

/** A renderer whose work GPU workers do. */
export interface RemoteRenderer extends Renderer, Door {
  /** Whether one of its workers would take work at once. */
  isFree(): Promise<boolean>;
}

const SIZE: Size = { width: 512, height: 512 };
const PATIENCE = 60_000;
/** For an idle loop or a greeting nobody waits, ms. */
const IDLE_PATIENCE = 600_000;
/** How engines draw, as far as it is known before one of them says so itself; and how slowly, in seconds for a second. */
const USUAL = { geometry: { freshFrames: 72, overlapFrames: 9, lookAheadFrames: 2 }, rtf: 5 };

/** The engine's shape is a worker's, where one is there already. */
export async function remoteRenderer(options: RemoteOptions): Promise<RemoteRenderer> {
  const known = await presences(options).catch((error: unknown) => {
    options.log.warn({ err: error }, 'the render queue does not answer yet');
    return [];
  });
  const [worker] = known;
  const geometry = { ...(options.size ?? SIZE), ...(worker?.geometry ?? USUAL.geometry) };
  const clipMs = sizesFor(geometry, worker?.sizes ?? [])[0]?.clipMs;
  const rtf = clipMs === undefined ? USUAL.rtf : clipMs / (geometry.freshFrames * MS_PER_FRAME);
  options.log.info({ engine: options.engine, workers: known.length, geometry, rtf }, 'remote renderer ready');
  return new Remote(options, geometry, Math.max(0.01, rtf));
}

async function presences({ bus, engine }: Pick<RemoteOptions, 'bus' | 'engine'>): Promise<WorkerPresence[]> {
  const takers = await bus.takers(engine);
  return takers.flatMap(({ body }) => WorkerPresence.safeParse(body).data ?? []);
}

class Remote implements RemoteRenderer {
  readonly name: string;
  readonly stamped = false;
  readonly geometry: Geometry;
  readonly expectedRtf: number;
  readonly #options: RemoteOptions;
  readonly #life = new Lifetime();
  readonly #leases: Leases;
  readonly #paces: Paces;

  constructor(options: RemoteOptions, geometry: Geometry, expectedRtf: number) {
    this.#options = options;
    this.name = options.name ?? 'remote';
    this.geometry = geometry;
    this.expectedRtf = expectedRtf;
    this.#paces = new Paces(geometry);
    const { bus, engine: queue, url, sign, formats = PictureFormat.options, clock, log } = options;
    this.#leases = new Leases({ bus, queue, url, sign, formats, clock, log, check: (hello) => this.#check(hello) });
    this.#life.defer((reason) => this.#leases.close(reason));
  }

  isWanted(lease: string): boolean {
    return this.#leases.isWanted(lease);
  }

  accept(lease: string, socket: WebSocket): Promise<void> {
    return this.#leases.accept(lease, socket);
  }

  async isFree(): Promise<boolean> {
    const workers = await presences(this.#options).catch(() => []);
    const { freshFrames, overlapFrames } = this.geometry;
    const fits = ({ geometry }: WorkerPresence): boolean =>
      geometry.freshFrames === freshFrames && geometry.overlapFrames === overlapFrames;
    return workers.some((worker) => worker.state === 'ready' && worker.leases < worker.capacity && fits(worker));
  }

  async *render(
    windows: AsyncIterable<Window>,
    request: RenderRequest,
    signal: AbortSignal,
    watch: RenderWatch = new Unwatched(),
  ): AsyncGenerator<DrawnFrame, void, undefined> {
    const about = request.speech ?? { sessionId: randomUUID(), utteranceId: randomUUID(), traceId: newTraceId() };
    const [patience, kind] = request.background
      ? [IDLE_PATIENCE, 'idle' as const]
      : [this.#options.patience ?? PATIENCE, 'speech' as const];
    yield* this.#draw(windows, request, signal, { watch, patience, about: { ...about, kind } });
  }

  /** The engine's own, on silence. Takes as long as a worker takes; rejects with `render_failed` where there is none. */
  async *idle(avatar: string, signal: AbortSignal): AsyncGenerator<VideoFrame, void, undefined> {
    const about: LeaseFor = { sessionId: 'idle', utteranceId: randomUUID(), traceId: newTraceId(), kind: 'idle' };
    const watch = new Unwatched();
    const request = { avatar, idleFrame: 0 };
    const frames = this.#draw(silence(this.geometry), request, signal, { watch, patience: IDLE_PATIENCE, about });
    const pictures = async function* (): AsyncGenerator<VideoFrame, void, undefined> {
      for await (const { picture } of frames) yield picture;
      if (watch.left !== undefined) throw new AvatarError('render_failed', `The idle loop can't be drawn: ${watch.left}.`);
    };
    for await (const picture of thereAndBack(pictures())) {
      if (signal.aborted) return;
      yield picture;
    }
  }

  async look(avatar: string): Promise<string> {
    const { hash, prompt } = await this.#options.likeness(avatar);
    const { width, height } = this.geometry;
    return [this.#options.engine, `${width}x${height}`, hash, prompt].join(' ');
  }

  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  async *#draw(
    windows: AsyncIterable<Window>,
    request: RenderRequest,
    given: AbortSignal,
    { watch, patience, about }: { watch: RenderWatch; patience: number; about: LeaseFor },
  ): AsyncGenerator<DrawnFrame, void, undefined> {
    if (this.#life.state !== 'open') throw new AvatarError('render_failed', 'The remote renderer is closed.');
    const { clock, likeness, understudies = [], metrics } = this.#options;
    const signal = AbortSignal.any([given, this.#life.signal]);
    if (signal.aborted) return;
    const who = await likeness(request.avatar);
    // On the bus before there is anything to draw, so that a worker has dialled by then.
    const lease = this.#leases.take(about);
    const pictures = new Pictures();
    try {
      const drawing = new Drawing({
        lease,
        likeness: who,
        geometry: this.geometry,
        request,
        watch,
        pictures,
        paces: this.#paces,
        understudies: about.kind === 'speech' ? understudies : [],
        patience,
        clock,
        signal,
        drew: (clipMs) => metrics.renderWindowMs.observe({ renderer: this.#options.engine }, clipMs),
        failed: (kind) => metrics.providerErrors.inc({ provider: this.name, kind }),
      });
      for await (const window of until(windows, signal)) yield* drawing.draw(window);
    } finally {
      // Not awaited: the worker takes its time to leave. Closing the renderer does wait.
      void this.#leases.end(lease, 'nothing more is wanted');
      void pictures.close();
    }
  }

  #check({ engine, geometry, sizes }: Hello): void {
    const wanted: EngineGeometry = { lookAheadFrames: 0, ...this.geometry };
    const differs = (['freshFrames', 'overlapFrames', 'lookAheadFrames'] as const).find((one) => geometry[one] !== wanted[one]);
    const is = (what: string, found: unknown, expected: unknown): AvatarError =>
      new AvatarError('bad_request', `${what} is ${String(found)}, not ${String(expected)}`);
    if (engine !== this.#options.engine) throw is('its engine', engine, this.#options.engine);
    if (differs) throw is(`its ${differs}`, geometry[differs], wanted[differs]);
    const { width, height } = this.geometry;
    if (sizesFor(this.geometry, sizes).length === 0)
      throw new AvatarError('bad_request', `it has no size of the shape of ${width}×${height}`);
  }
}

/** For whom nothing waits. */
class Unwatched implements RenderWatch {
  left: string | undefined;

  due(): { at: number; onAir: boolean } {
    return { at: Number.POSITIVE_INFINITY, onAir: false };
  }

  draws(): void {
    this.left = undefined;
  }

  waits(): void {
    // Nobody is told.
  }

  leavesOut(why: string): void {
    this.left = why;
  }
}
