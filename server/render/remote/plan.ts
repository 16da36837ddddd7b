import type { Clock } from '#base/clock.ts';
import { MS_PER_FRAME, type Size, type Window } from '#base/media.ts';
import type { Geometry, Renderer, RenderRequest, RenderWatch } from '../renderer.ts';
import type { Lease } from './lease.ts';
import type { FrameLink } from './link.ts';
import type { LossKind } from './lost.ts';
import type { Paces } from './paces.ts';
import { sizesFor } from './sizes.ts';
import type { Understudy } from './understudy.ts';

/** Who draws a window. `why` is what is less than it should be. */
export type Way =
  | { readonly by: 'worker'; readonly link: FrameLink; readonly size: Size; readonly why: string | undefined }
  | { readonly by: 'understudy'; readonly renderer: Renderer; readonly why: string }
  | { readonly by: 'nobody'; readonly why: string };

export interface PlanOptions {
  readonly lease: Lease;
  readonly geometry: Geometry;
  readonly watch: RenderWatch;
  readonly paces: Paces;
  /** Who draws where no worker can in time, the best first. */
  readonly understudies: readonly Understudy[];
  readonly request: Pick<RenderRequest, 'avatar'>;
  /** How long a clause may wait for a worker, ms. */
  readonly patience: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const LOOK_EVERY = 1_000;
/** Speech waits so long, ms, when there is no worker at all. */
const WITHOUT_WORKERS = 3_000;
/** On air, another worker has so long to come, ms: it takes no longer when one is free. */
const ON_AIR = 400;
/** Later than this is late, ms: what is known of playout is that coarse. */
const COARSE = 120;
/** A window is begun so often; what fails each time is left out. */
const TRIES = 3;

/** Decides how each window is drawn, so that no promise is broken that can be kept, and the voice is kept waiting only where it may. */
export class Plan {
  readonly #options: PlanOptions;
  /** Larger ones have failed for want of memory. */
  #largest = Number.POSITIVE_INFINITY;
  #window: Window | undefined;
  #tries = 0;
  #trouble = '';
  /** There was no worker when it was waited for last: nobody waits again before one is there. */
  #forsaken = false;
  /** Understudies that have left out what they were asked for. */
  readonly #dismissed = new Set<Renderer>();

  constructor(options: PlanOptions) {
    this.#options = options;
  }

  /** A window could not be drawn that way. */
  failed(kind: LossKind, size: Size | undefined): void {
    this.#tries += 1;
    this.#trouble = TROUBLE[kind];
    if (kind === 'memory' && size) this.#largest = size.width * size.height;
  }

  /** An understudy has left something out: the next one has a try. */
  dismiss(understudy: Renderer): void {
    this.#dismissed.add(understudy);
  }

  async wayFor(window: Window): Promise<Way> {
    const { clock, lease, watch, signal } = this.#options;
    if (window !== this.#window) this.#tries = 0;
    this.#window = window;
    const since = clock.now();
    while (!signal.aborted) {
      if (this.#tries >= TRIES) return this.#without(`${this.#trouble}, ${TRIES} times in a row`);
      const { link } = lease;
      if (link) {
        this.#forsaken = false;
        return this.#with(link, window);
      }
      const { inMs, why } = lease.turn;
      if (!this.#mayWait(window, since)) {
        this.#forsaken = true;
        return this.#without(this.#trouble === '' ? why : `${this.#trouble}, and ${why}`);
      }
      watch.waits(inMs === undefined ? undefined : clock.now() + inMs, why);
      await lease.changed(watch.due(window).onAir ? ON_AIR / 4 : LOOK_EVERY, signal);
    }
    return { by: 'nobody', why: 'nobody wants it any more' };
  }

  /** Before a clause everybody waits; inside one only as long as it is of use. */
  #mayWait(window: Window, since: number): boolean {
    const { clock, lease, watch, patience } = this.#options;
    const { inMs, ready } = lease.turn;
    const waited = clock.now() - since;
    if (lease.parked) return false;
    if (!watch.due(window).onAir) return waited < (ready > 0 ? patience : this.#forsaken ? 0 : WITHOUT_WORKERS);
    return ready > 0 && waited < ON_AIR && (inMs ?? 0) < ON_AIR;
  }

  /** In the best size that keeps time; the smallest one when only some of the window's pictures can be in time. */
  async #with(link: FrameLink, window: Window): Promise<Way> {
    const { geometry, watch, paces, clock } = this.#options;
    const all = sizesFor(geometry, link.hello.sizes);
    const sizes = all.filter(({ width, height }) => width * height < this.#largest);
    const [best] = sizes;
    const smallest = sizes.at(-1);
    if (!best || !smallest) return this.#without('the engine has no size for this stage');
    const dull = best === all[0] ? undefined : 'the GPU has no memory left for the full size';
    const { at, onAir } = watch.due(window);
    if (!onAir) return { by: 'worker', link, size: best, why: dull };
    const left = at - clock.now();
    const took = (size: Size): number => paces.of(link.hello, size).expect(window.freshFrames);
    // What comes evenly is in time when it is begun in time and made as quickly as it is shown.
    const length = window.freshFrames * MS_PER_FRAME;
    const isInTime = (size: Size): boolean => {
      const lag = paces.of(link.hello, size).lag;
      return took(size) * Math.max(lag, 1 / window.freshFrames) <= left + COARSE && took(size) <= left + length + COARSE;
    };
    const size = sizes.find(isInTime);
    if (size) return { by: 'worker', link, size, why: size === best ? dull : 'pictures are drawn smaller to be in time' };
    if (took(smallest) < left + length)
      return {
        by: 'worker',
        link,
        size: smallest,
        why: smallest === all[0] ? undefined : 'pictures are drawn smaller to be in time',
      };
    return this.#without('pictures are drawn more slowly than they are shown');
  }

  async #without(why: string): Promise<Way> {
    const { understudies, request } = this.#options;
    for (const { renderer, can } of understudies)
      if (!this.#dismissed.has(renderer) && (await can(request.avatar)))
        return { by: 'understudy', renderer, why: `${why}; drawn by ${renderer.name} instead` };
    return { by: 'nobody', why };
  }
}

const TROUBLE: Readonly<Record<LossKind, string>> = {
  cut: 'the GPU worker was lost',
  silent: 'the GPU worker has stopped to answer',
  stuck: 'the GPU worker got stuck',
  garbage: 'the GPU worker speaks another language',
  failed: 'the engine has failed',
  memory: 'the GPU has no memory left',
  wrong: 'the GPU worker drew something else',
  leaving: 'the GPU worker was stopped',
  replaced: 'the GPU worker was replaced',
};
