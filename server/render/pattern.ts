import { setImmediate } from 'node:timers/promises';
import { isOnTheSecond } from '#base/beep.ts';
import { sleep, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import { FPS, MS_PER_FRAME, type DrawnFrame, type Size, type VideoFrame, type Window } from '#base/media.ts';
import { PictureMemory } from './memory.ts';
import { drawCard, drawMoment, MIN_SIZE } from './card.ts';
import type { Renderer, RenderRequest } from './renderer.ts';
import { until } from './until.ts';

export interface PatternOptions {
  /** Default 512×512; sides even, at least 288×288. */
  readonly size?: Size;
  /** Default 39 fresh frames over 6 of overlap: windows of 1800 ms with 240 ms overlap. */
  readonly freshFrames?: number;
  readonly overlapFrames?: number;
  /** Slows drawing down: seconds to draw one second. Default: at once. */
  readonly rtf?: number;
  /** From that window of each utterance on, counted from 1, it is another. */
  readonly later?: { readonly rtf: number; readonly from: number };
  /** Part of the frames that are never drawn, 0…1, evenly spread. */
  readonly drop?: number;
  /** Held back so long per window, ms. */
  readonly delayMs?: number;
  /** The window after so many fails with `render_failed`. */
  readonly failAfter?: number;
  readonly clock: Clock;
}

/** The idle loop: two seconds. */
const IDLE_FRAMES = 2 * FPS;

/** The test card, with faults on purpose. Its top left is left black for the stage's frame number. */
export function patternRenderer(options: PatternOptions): Renderer {
  const { width, height } = options.size ?? { width: 512, height: 512 };
  if (width < MIN_SIZE || height < MIN_SIZE || width % 2 || height % 2)
    throw new AvatarError(
      'bad_request',
      `The test card is drawn with even sides of at least ${MIN_SIZE}, not ${width}×${height}.`,
    );
  return new Pattern(options, { width, height });
}

class Pattern implements Renderer {
  readonly name = 'pattern';
  readonly stamped = true;
  readonly geometry: Renderer['geometry'];
  readonly expectedRtf: number;
  readonly #options: PatternOptions;
  readonly #card: VideoFrame;
  readonly #memory: PictureMemory;
  readonly #lifetime = new Lifetime();

  constructor(options: PatternOptions, size: Size) {
    this.#options = options;
    this.#card = drawCard(size);
    this.#memory = new PictureMemory(size);
    this.geometry = { ...size, freshFrames: options.freshFrames ?? 39, overlapFrames: options.overlapFrames ?? 6 };
    this.expectedRtf = Math.max(0.01, (options.rtf ?? 0) + (options.delayMs ?? 0) / (this.geometry.freshFrames * MS_PER_FRAME));
  }

  async *render(
    windows: AsyncIterable<Window>,
    request: RenderRequest,
    signal: AbortSignal,
  ): AsyncGenerator<DrawnFrame, void, undefined> {
    this.#check();
    const { rtf = 0, later, delayMs = 0, failAfter = Infinity, clock } = this.#options;
    const stop = AbortSignal.any([signal, this.#lifetime.signal]);
    let done = 0;
    for await (const window of until(windows, stop)) {
      if (done >= failAfter) throw new AvatarError('render_failed', `The test card fails on purpose after ${failAfter} windows.`);
      const pace = later && done + 1 >= later.from ? later.rtf : rtf;
      const ms = delayMs + pace * window.freshFrames * MS_PER_FRAME;
      if (ms > 0) await sleep(clock, ms, stop);
      for (let frame = window.startFrame; frame < window.startFrame + window.freshFrames; frame += 1) {
        // A turn of the loop for each: a window of pictures in one go would hold up what is on air, and the one who aborts.
        await setImmediate();
        if (stop.aborted) return;
        if (!this.#drops(frame)) yield { frame, picture: this.#draw(request.idleFrame + frame, isOnTheSecond(frame)) };
      }
      done += 1;
    }
  }

  async *idle(_avatar: string, signal: AbortSignal): AsyncGenerator<VideoFrame, void, undefined> {
    this.#check();
    for (let frame = 0; frame < IDLE_FRAMES && !signal.aborted && this.#lifetime.state === 'open'; frame += 1)
      yield this.#draw(frame, false);
  }

  close(reason: string): Promise<void> {
    return this.#lifetime.close(reason);
  }

  #draw(at: number, flash: boolean): VideoFrame {
    return drawMoment(this.#card, (at % IDLE_FRAMES) / IDLE_FRAMES, flash, this.#memory);
  }

  #drops(frame: number): boolean {
    const drop = this.#options.drop ?? 0;
    return Math.floor((frame + 1) * drop) > Math.floor(frame * drop);
  }

  #check(): void {
    if (this.#lifetime.state !== 'open') throw new AvatarError('render_failed', 'The pattern renderer is closed.');
  }
}
