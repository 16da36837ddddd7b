import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AvatarError } from '#base/errors.ts';
import { i420Bytes, RENDERER_SAMPLES_PER_FRAME, type DrawnFrame, type VideoFrame, type Window } from '#base/media.ts';
import type { Geometry, Renderer } from '#server/render/renderer.ts';

/** A steady 150 Hz buzz with a voice's overtones, in windows of the renderer's geometry; `count` of them, each noted in `pulled`. */
export async function* buzz(geometry: Geometry, count: number, pulled: number[] = []): AsyncGenerator<Window, void, undefined> {
  for (let index = 0; index < count; index += 1) {
    await Promise.resolve();
    pulled.push(index);
    yield windowAt(geometry, index, index * geometry.freshFrames, geometry.freshFrames, (at) => {
      const cycle = (at * 150) / 16_000;
      return (
        9_000 * [1, 2, 3, 4, 5, 6].reduce((sum, tone) => sum + Math.sin(2 * Math.PI * cycle * tone) / tone, 0) * (at < 0 ? 0 : 1)
      );
    });
  }
}

/** One window whose samples are `wave` of the 16 kHz position within the utterance (negative before its start). */
export function windowAt(
  geometry: Geometry,
  index: number,
  startFrame: number,
  freshFrames: number,
  wave: (at: number) => number,
): Window {
  const { overlapFrames } = geometry;
  const first = (startFrame - overlapFrames) * RENDERER_SAMPLES_PER_FRAME;
  const samples = Int16Array.from({ length: (overlapFrames + freshFrames) * RENDERER_SAMPLES_PER_FRAME }, (_, at) =>
    wave(first + at),
  );
  return { index, startFrame, overlapFrames, freshFrames, samples, clause: { index: 0, text: 'buzz' }, endOfClause: false };
}

async function* only(...windows: Window[]): AsyncGenerator<Window, void, undefined> {
  await Promise.resolve();
  yield* windows;
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** Mean difference of two pictures' brightness, 0…255. */
export function difference(a: VideoFrame, b: VideoFrame): number {
  const pixels = a.width * a.height;
  let sum = 0;
  for (let at = 0; at < pixels; at += 1) sum += Math.abs((a.data[at] ?? 0) - (b.data[at] ?? 0));
  return sum / pixels;
}

const forever = (): AbortSignal => new AbortController().signal;
const numbers = (frames: DrawnFrame[]): number[] => frames.map(({ frame }) => frame);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What every renderer keeps, whatever it draws. `open` makes a fresh one without faults. */
export function rendererContract(name: string, avatar: string, open: () => Promise<Renderer>): void {
  const request = { avatar, idleFrame: 7 };
  describe(`the renderer contract: ${name}`, () => {
    // One for all but the last: what one stream leaves behind would show in the next.
    let renderer: Renderer;
    beforeAll(async () => void (renderer = await open()));
    afterAll(() => renderer.close('tests over'));

    it('draws exactly the fresh frames, in order and in its size', async () => {
      const { freshFrames, width, height } = renderer.geometry;
      const frames = await collect(renderer.render(buzz(renderer.geometry, 3), request, forever()));
      expect(numbers(frames)).toEqual(upTo(3 * freshFrames));
      for (const { picture } of frames) {
        expect([picture.width, picture.height, picture.data.length]).toEqual([width, height, i420Bytes(renderer.geometry)]);
      }
    });

    it('takes a last window shorter than the others', async () => {
      const { geometry } = renderer;
      const windows = only(
        windowAt(geometry, 0, 0, geometry.freshFrames, () => 0),
        windowAt(geometry, 1, geometry.freshFrames, 1, () => 0),
      );
      expect(numbers(await collect(renderer.render(windows, request, forever())))).toEqual(upTo(geometry.freshFrames + 1));
    });

    it('draws the same pictures for the same sound', async () => {
      const [first, second] = await Promise.all(
        [1, 2].map(() => collect(renderer.render(buzz(renderer.geometry, 2), request, forever()))),
      );
      expect(first?.length).toBe(2 * renderer.geometry.freshFrames);
      first?.forEach(({ picture }, at) =>
        expect(Buffer.compare(picture.data, second?.[at]?.picture.data ?? Buffer.of())).toBe(0),
      );
    });

    it('ends at once when there is nothing to say', async () => {
      expect(await collect(renderer.render(only(), request, forever()))).toEqual([]);
    });

    it('never pulls a window more than one ahead', async () => {
      const pulled: number[] = [];
      const frames = renderer.render(buzz(renderer.geometry, 5, pulled), request, forever());
      expect(pulled).toEqual([]);
      for await (const { frame } of frames) {
        expect(pulled.length).toBeLessThanOrEqual(Math.floor(frame / renderer.geometry.freshFrames) + 2);
      }
      expect(pulled).toEqual(upTo(5));
    });

    it('ends quietly when aborted half way, and lets go of its windows', async () => {
      const abort = new AbortController();
      const pulled: number[] = [];
      let released = false;
      const endless = (async function* () {
        try {
          yield* buzz(renderer.geometry, 1_000_000, pulled);
        } finally {
          released = true;
        }
      })();
      let drawn = 0;
      let after = 0;
      for await (const _frame of renderer.render(endless, request, abort.signal)) {
        if (abort.signal.aborted) after += 1;
        drawn += 1;
        if (drawn === renderer.geometry.freshFrames + 2) abort.abort();
      }
      expect(after).toBe(0);
      expect(pulled.length).toBeLessThanOrEqual(3);
      await expect.poll(() => released).toBe(true);
    });

    it('ends at once when aborted while its windows hang', async () => {
      const abort = new AbortController();
      const hanging = (async function* (): AsyncGenerator<Window, void, undefined> {
        await new Promise(() => undefined);
        yield* only();
      })();
      const frames = collect(renderer.render(hanging, request, abort.signal));
      setImmediate(() => abort.abort());
      expect(await frames).toEqual([]);
    });

    it('draws nothing for a signal that has already aborted', async () => {
      expect(await collect(renderer.render(buzz(renderer.geometry, 2), request, AbortSignal.abort()))).toEqual([]);
    });

    it("passes its source's failure on", async () => {
      const failing = (async function* (): AsyncGenerator<Window, void, undefined> {
        yield* buzz(renderer.geometry, 1);
        throw new AvatarError('provider_failed', 'no voice');
      })();
      await expect(collect(renderer.render(failing, request, forever()))).rejects.toMatchObject({ code: 'provider_failed' });
    });

    it('idles for whole seconds, and its last frame leads to its first', async () => {
      let count = 0;
      let step = 0;
      let first: VideoFrame | undefined;
      let last: VideoFrame | undefined;
      for await (const picture of renderer.idle(avatar, forever())) {
        first ??= picture;
        if (last) step = Math.max(step, difference(last, picture));
        last = picture;
        count += 1;
      }
      expect(count).toBeGreaterThan(0);
      expect(count % 25).toBe(0);
      if (!first || !last) throw new Error('no idle frames');
      expect(step).toBeGreaterThan(0);
      expect(difference(last, first)).toBeLessThanOrEqual(step);
    });

    it('stops idling when aborted', async () => {
      const abort = new AbortController();
      let count = 0;
      for await (const _picture of renderer.idle(avatar, abort.signal)) {
        count += 1;
        if (count === 3) abort.abort();
      }
      expect(count).toBe(3);
    });

    it('closes as often as asked, ends what it is drawing, and leaves no thread', async () => {
      const threads: Worker[] = [];
      const note = (thread: Worker): void => void threads.push(thread);
      process.on('worker', note);
      onTestFinished(() => void process.off('worker', note));
      const brief = await open();
      let drawn = 0;
      const ended = (async () => {
        for await (const _frame of brief.render(buzz(brief.geometry, 1_000_000), request, forever())) {
          drawn += 1;
          if (drawn % 10 === 0) await turnOfTheLoop();
        }
      })();
      await turnOfTheLoop();
      await Promise.all([brief.close('one'), brief.close('two')]);
      await brief.close('three');
      await ended;
      // A thread that has ended has no number any more.
      expect(threads.filter((thread) => thread.threadId !== -1)).toEqual([]);
      await expect(collect(brief.render(buzz(brief.geometry, 1), request, forever()))).rejects.toMatchObject({
        code: 'render_failed',
      });
    });
  });
}
