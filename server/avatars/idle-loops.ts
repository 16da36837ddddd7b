import type { Lifetime } from '#base/lifetime.ts';
import { LiveIdle } from '#server/media/live-idle.ts';
import { IdleLoop } from '#server/media/idle-loop.ts';
import type { IdleSource } from '#server/media/idle-face.ts';
import type { Renderer } from '#server/render/renderer.ts';

/** The idle loop of each avatar, made at first use and shared by all its stages. */
export class IdleLoops {
  readonly #renderer: Renderer;
  readonly #life: Lifetime;
  readonly #loops = new Map<string, Promise<IdleSource>>();

  constructor(renderer: Renderer, life: Lifetime) {
    this.#renderer = renderer;
    this.#life = life;
  }

  /** Rejects with `render_failed`; the next call tries again. */
  get(avatar: string): Promise<IdleSource> {
    const known = this.#loops.get(avatar);
    if (known) return known;
    const loop = this.#make(avatar);
    this.#loops.set(avatar, loop);
    loop.catch(() => this.#loops.delete(avatar));
    return loop;
  }

  async #make(avatar: string): Promise<IdleSource> {
    const { geometry, stamped } = this.#renderer;
    const pictures = this.#renderer.idle(avatar, this.#life.signal);
    if (stamped) return LiveIdle.read(pictures, geometry);
    const loop = await IdleLoop.build(pictures, geometry, this.#life.signal);
    this.#life.defer(() => loop.close());
    return loop;
  }
}
