import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { AT_REST, eased, reel, type Blend } from '#base/expression.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { MS_PER_FRAME, type DrawnFrame, type Size, type VideoFrame, type Window } from '#base/media.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { Order } from './portrait/face.ts';
import { Hearing } from './portrait/hearing.ts';
import type { PortraitAvatar } from './portrait/look.ts';
import { REST } from './portrait/mouth.ts';
import { IDLE_FRAMES } from './portrait/pose.ts';
import { Stress } from './portrait/stress.ts';
import { Studio } from './portrait/studio.ts';
import type { Renderer, RenderRequest } from './renderer.ts';
import { orAborted, until } from './until.ts';

export type { PortraitAvatar } from './portrait/look.ts';

export interface PortraitOptions {
  readonly avatars: readonly PortraitAvatar[];
  /** Default 512×512; sides even. */
  readonly size?: Size;
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

const SIZE: Size = { width: 512, height: 512 };
/** 160 ms: the first window is answered at once. */
const FRESH_FRAMES = 4;
/** What a shape's spectrum looks back on. */
const OVERLAP_FRAMES = 2;
/** An expression is left within so many frames of speech. */
const BACK = 18;
/** Pictures drawn per question: small enough that sessions take turns. */
const BATCH = 5;

/**
 * The CPU default: a character whose body follows the idle loop and whose mouth follows the voice, drawn on one thread shared by all
 * sessions. The thread is up and warm when this resolves, and is replaced when it dies; rejects with `render_failed` when it can't be started.
 */
export async function portraitRenderer({ avatars, size = SIZE, log, clock, metrics }: PortraitOptions): Promise<Renderer> {
  if (avatars.length === 0) throw new AvatarError('render_failed', 'The portrait renderer needs at least one avatar.');
  const lifetime = new Lifetime();
  const studio = new Studio({ start: { avatars, size }, clock, log, metrics });
  lifetime.defer(() => studio.close());
  try {
    const expectedRtf = await warmUp(studio, avatars, clock);
    log.info({ size, avatars: avatars.length, rtf: Number(expectedRtf.toFixed(3)) }, 'portrait renderer ready');
    return new Portrait(studio, lifetime, { avatars, size, expectedRtf });
  } catch (error) {
    await lifetime.close('failed to start');
    throw error;
  }
}

/** Gets the first face ready and the code hot, and returns the measured time to draw a second of pictures, s. Another face is made when it is first asked for. */
async function warmUp(studio: Studio, [first]: readonly PortraitAvatar[], clock: Clock): Promise<number> {
  const orders: Order[] = Array.from({ length: BATCH }, (_, frame) => ({
    idleFrame: frame,
    blend: AT_REST,
    mouth: { open: 0.5, wide: 0, teeth: 0 },
  }));
  const draw = (): Promise<unknown> => studio.draw(first?.id ?? '', orders);
  for (let warm = 0; warm < 3; warm += 1) await draw();
  const start = clock.now();
  await draw();
  const rtf = (clock.now() - start) / (BATCH * MS_PER_FRAME);
  return rtf;
}

/** Who begins to speak looks at the viewer again. */
function leaving({ listening, thinking, nod }: Blend, frame: number): Blend {
  const rest = 1 - eased((frame + 1) / BACK);
  return { listening: listening * rest, thinking: thinking * rest, nod: nod * rest };
}

class Portrait implements Renderer {
  readonly name = 'portrait';
  readonly stamped = false;
  readonly geometry: Renderer['geometry'];
  readonly expectedRtf: number;
  readonly #studio: Studio;
  readonly #lifetime: Lifetime;
  readonly #avatars: ReadonlySet<string>;

  constructor(
    studio: Studio,
    lifetime: Lifetime,
    about: { avatars: readonly PortraitAvatar[]; size: Size; expectedRtf: number },
  ) {
    this.#studio = studio;
    this.#lifetime = lifetime;
    this.#avatars = new Set(about.avatars.map((avatar) => avatar.id));
    this.geometry = { ...about.size, freshFrames: FRESH_FRAMES, overlapFrames: OVERLAP_FRAMES };
    this.expectedRtf = about.expectedRtf;
  }

  async *render(
    windows: AsyncIterable<Window>,
    request: RenderRequest,
    signal: AbortSignal,
  ): AsyncGenerator<DrawnFrame, void, undefined> {
    this.#check(request.avatar);
    const stop = AbortSignal.any([signal, this.#lifetime.signal]);
    const hearing = new Hearing();
    const stress = new Stress();
    for await (const window of until(windows, stop)) {
      const shapes = hearing.hear(window);
      const orders = shapes.map((mouth, at) => ({
        idleFrame: (request.idleFrame + window.startFrame + at) % IDLE_FRAMES,
        blend: leaving(request.blend ?? AT_REST, window.startFrame + at),
        mouth,
        stress: stress.hear(window, at),
      }));
      let frame = window.startFrame;
      for await (const picture of this.#draw(request.avatar, orders, stop)) yield { frame: frame++, picture };
    }
  }

  async *idle(avatar: string, signal: AbortSignal): AsyncGenerator<VideoFrame, void, undefined> {
    this.#check(avatar);
    const orders = Array.from({ length: IDLE_FRAMES }, (_, idleFrame) => ({ idleFrame, blend: AT_REST, mouth: REST }));
    yield* this.#draw(avatar, orders, AbortSignal.any([signal, this.#lifetime.signal]));
  }

  async *expressions(avatar: string, signal: AbortSignal): AsyncGenerator<VideoFrame, void, undefined> {
    this.#check(avatar);
    const orders = reel().map(({ idleFrame, blend }) => ({ idleFrame, blend, mouth: REST }));
    yield* this.#draw(avatar, orders, AbortSignal.any([signal, this.#lifetime.signal]));
  }

  close(reason: string): Promise<void> {
    return this.#lifetime.close(reason);
  }

  async *#draw(avatar: string, orders: readonly Order[], signal: AbortSignal): AsyncGenerator<VideoFrame, void, undefined> {
    const { width, height } = this.geometry;
    for (let at = 0; at < orders.length; at += BATCH) {
      const pictures = await orAborted(this.#studio.draw(avatar, orders.slice(at, at + BATCH), signal), signal);
      if (!pictures) return;
      for (const data of pictures) {
        yield { width, height, data, free: () => void data.buffer.transfer(0) };
        if (signal.aborted) return;
      }
    }
  }

  #check(avatar: string): void {
    if (this.#lifetime.state !== 'open') throw new AvatarError('render_failed', 'The portrait renderer is closed.');
    if (this.#avatars.has(avatar)) return;
    const allowed = [...this.#avatars];
    throw new AvatarError('avatar_not_found', `The portrait renderer has no avatar "${avatar}". It has: ${allowed.join(', ')}.`, {
      details: { allowed },
    });
  }
}
