import { MS_PER_FRAME, type Size } from '#base/media.ts';
import { Pace } from '#base/pace.ts';
import type { Geometry, Renderer } from '../renderer.ts';
import type { Hello } from './link.ts';

/** Workers come and go; of so many it is remembered how quick they are. */
const REMEMBERED = 64;

/** How quick each worker is in each size: what it says itself until it was seen, and then what was seen. */
export class Paces {
  readonly #geometry: Geometry;
  readonly #workers = new Map<string, Pace>();
  readonly #renderers = new WeakMap<Renderer, Pace>();

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  of({ worker, sizes }: Hello, { width, height }: Size): Pace {
    const key = `${worker} ${width}x${height}`;
    const { freshFrames } = this.#geometry;
    const clipMs = sizes.find((size) => size.width === width && size.height === height)?.clipMs ?? 0;
    const pace = this.#workers.get(key) ?? new Pace(clipMs / (freshFrames * MS_PER_FRAME), freshFrames);
    this.#workers.delete(key);
    this.#workers.set(key, pace);
    const [oldest] = this.#workers.keys();
    if (this.#workers.size > REMEMBERED && oldest !== undefined) this.#workers.delete(oldest);
    return pace;
  }

  ofRenderer(renderer: Renderer): Pace {
    const pace = this.#renderers.get(renderer) ?? new Pace(renderer.expectedRtf, this.#geometry.freshFrames);
    this.#renderers.set(renderer, pace);
    return pace;
  }
}
