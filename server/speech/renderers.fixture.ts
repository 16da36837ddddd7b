import { sleep, systemClock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { i420Bytes, MS_PER_FRAME, type DrawnFrame, type Window } from '#base/media.ts';
import type { Renderer } from '#server/render/renderer.ts';

const SIZE = { width: 2, height: 2 };

/** A picture that says which frame it was drawn for. */
const drawn = (frame: number): DrawnFrame => ({
  frame,
  picture: { ...SIZE, data: new Uint8Array(i420Bytes(SIZE)).fill(frame % 256) },
});

export interface TestRenderer extends Renderer {
  /** Windows it was given so far. */
  readonly given: Window[];
  /** Renderings that have ended, by themselves or because they were left. */
  ended: number;
}

type Draw = (window: Window, signal: AbortSignal) => AsyncIterable<DrawnFrame> | Iterable<DrawnFrame>;

function renderer(name: string, freshFrames: number, expectedRtf: number, draw: Draw): TestRenderer {
  const made: TestRenderer = {
    name,
    geometry: { ...SIZE, freshFrames, overlapFrames: 6 },
    expectedRtf,
    stamped: false,
    given: [],
    ended: 0,
    async *render(windows, _request, signal) {
      try {
        for await (const window of windows) {
          made.given.push(window);
          yield* draw(window, signal);
        }
      } finally {
        made.ended += 1;
      }
    },
    async *idle() {
      yield await Promise.resolve(drawn(0).picture);
    },
    close: () => Promise.resolve(),
  };
  return made;
}

const framesOf = (window: Window): number[] => Array.from({ length: window.freshFrames }, (_, i) => window.startFrame + i);

export const instantRenderer = (freshFrames = 4): TestRenderer =>
  renderer('instant', freshFrames, 0.01, (window) => framesOf(window).map(drawn));

/** Takes `rtf` seconds for each second it draws. */
export const sluggishRenderer = (rtf: number, freshFrames = 4): TestRenderer =>
  renderer('sluggish', freshFrames, rtf, async function* (window, signal) {
    for (const frame of framesOf(window)) {
      await sleep(systemClock, rtf * MS_PER_FRAME, signal);
      if (signal.aborted) return;
      yield drawn(frame);
    }
  });

/** Leaves out every third frame. */
export const forgetfulRenderer = (): TestRenderer =>
  renderer('forgetful', 4, 0.01, (window) =>
    framesOf(window)
      .filter((frame) => frame % 3 !== 2)
      .map(drawn),
  );

/** Fails at its `at`th window. */
export const failingRenderer = (at: number): TestRenderer =>
  renderer('failing', 4, 0.01, (window) => {
    if (window.index >= at) throw new AvatarError('render_failed', 'out of paint');
    return framesOf(window).map(drawn);
  });

/** Draws up to its `at`th window and then answers nothing any more, not even that it shall stop. */
export const hangingRenderer = (at: number): TestRenderer =>
  renderer('hanging', 4, 0.01, async function* (window) {
    if (window.index >= at) await new Promise(() => undefined);
    yield* framesOf(window).map(drawn);
  });

/** Never even asks for a window. */
export const deafRenderer = (): TestRenderer => ({
  ...instantRenderer(),
  name: 'deaf',
  render: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) }),
});
