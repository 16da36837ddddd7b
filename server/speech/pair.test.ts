import { describe, expect, it } from 'vitest';
import { systemClock, VirtualClock } from '#base/clock.ts';
import { TICKS_PER_FRAME, type AvFrame } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import { pair, type PairOptions } from './pair.ts';
import {
  deafRenderer,
  failingRenderer,
  forgetfulRenderer,
  hangingRenderer,
  instantRenderer,
  sluggishRenderer,
  type TestRenderer,
} from './renderers.fixture.ts';
import { window, type VoicedWindow } from './windows.ts';

/** Windows over a voice of clauses of so many frames, each frame's sound filled with its number. */
async function* windowsOver(clauses: readonly number[], renderer: TestRenderer, fail?: Error): AsyncGenerator<VoicedWindow> {
  const voice = (async function* () {
    let frame = 0;
    for (const [index, frames] of clauses.entries()) {
      const clause = { index, text: `clause ${String(index)}` };
      for (let i = 0; i < frames; i += 1) {
        const fill = frame++ % 30_000;
        const endOfClause = i === frames - 1;
        yield { ear: new Int16Array(1_920).fill(fill), renderer: new Int16Array(640).fill(fill), clause, endOfClause };
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    if (fail) throw fail;
  })();
  yield* window(voice, renderer.geometry);
}

function paired(clauses: readonly number[], renderer: TestRenderer, overrides: Partial<PairOptions> = {}, fail?: Error) {
  const abort = new AbortController();
  const outlook = new Outlook(renderer.expectedRtf);
  const failures: unknown[] = [];
  const firsts: number[] = [];
  const frames = pair(windowsOver(clauses, renderer, fail), {
    renderer,
    request: { avatar: 'test', idleFrame: 0 },
    outlook,
    clock: systemClock,
    signal: abort.signal,
    stop: () => abort.abort(),
    firstWindow: () => undefined,
    firstFrame: () => firsts.push(1),
    renderFailed: (error) => failures.push(error),
    ...overrides,
  });
  return { frames, outlook, abort, failures, firsts };
}

const settled = async (condition: () => boolean): Promise<void> => {
  const deadline = systemClock.now() + 10_000;
  while (!condition() && systemClock.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
};

describe('pair', () => {
  it('gives each sound with its own picture, in order, with the marks of its clause', async () => {
    const { frames, outlook, firsts } = paired([10, 1, 7], instantRenderer());
    const all = await Array.fromAsync(frames);
    await settled(() => all.every((frame) => frame.picture));
    expect(all.map((frame) => frame.frame)).toEqual([...Array(18).keys()]);
    for (const { frame, sound, picture } of all)
      expect([sound.length, sound[0], picture?.data[0]]).toEqual([TICKS_PER_FRAME, frame, frame]);
    expect(all.filter((frame) => frame.startOfClause).map((frame) => frame.frame)).toEqual([0, 10, 11]);
    expect(all.filter((frame) => frame.endOfClause).map((frame) => frame.frame)).toEqual([9, 10, 17]);
    expect(outlook.clauseEnds).toEqual([10, 11, 18].map((frame) => frame * TICKS_PER_FRAME));
    expect(outlook).toMatchObject({ known: 18 * TICKS_PER_FRAME, ended: true });
    expect(firsts).toEqual([1]);
  });

  it('gives the sound out before its picture, and draws also the last pictures into frames already taken', async () => {
    const { frames } = paired([12], sluggishRenderer(0.5));
    const all = await Array.fromAsync(frames);
    expect(all.length).toBe(12);
    expect(all.at(-1)?.picture).toBeUndefined();
    await settled(() => all.every((frame) => frame.picture));
    expect(all.map((frame) => frame.picture?.data[0])).toEqual([...Array(12).keys()]);
  });

  it('pulls the renderer no further than a second beyond what was taken, the voice further', async () => {
    const renderer = instantRenderer();
    const { frames, outlook, abort } = paired([300], renderer);
    const taken: AvFrame[] = [];
    for (let i = 0; i < 10; i += 1) taken.push((await frames.next()).value as AvFrame);
    await settled(() => outlook.known === 300 * TICKS_PER_FRAME);
    const drawnFrames = renderer.given.reduce((sum, one) => sum + one.freshFrames, 0);
    expect(drawnFrames).toBeGreaterThanOrEqual(25);
    expect(drawnFrames).toBeLessThanOrEqual(10 + 25 + renderer.geometry.freshFrames);
    abort.abort();
    await frames.return();
  });

  it('lets a renderer slower than real time draw on to the end of the clause, so that it can start', async () => {
    const renderer = sluggishRenderer(1.2);
    const { frames, outlook, abort } = paired([120, 120], renderer);
    await frames.next();
    // The bound of a second alone would stop it at seven windows.
    await settled(() => renderer.given.length > 8);
    expect(outlook.held).toBe(false);
    abort.abort();
    await frames.return();
  });

  it('lets it draw no further ahead than 20 s, which are 200 MB, and says so', async () => {
    const renderer = Object.assign(instantRenderer(), { expectedRtf: 50 });
    const clock = new VirtualClock();
    const slow: TestRenderer = {
      ...renderer,
      async *render(...args) {
        for await (const frame of renderer.render(...args)) {
          clock.block(50);
          yield frame;
        }
      },
    };
    const { frames, outlook, abort } = paired([400, 400], slow, { clock });
    await frames.next();
    await settled(() => outlook.held);
    expect(renderer.given.reduce((sum, one) => sum + one.freshFrames, 0)).toBe(500);
    abort.abort();
    await frames.return();
  });

  it('measures how fast the renderer is', async () => {
    const renderer = Object.assign(sluggishRenderer(0.5), { expectedRtf: 10 });
    const { frames, outlook } = paired([40], renderer);
    await Array.fromAsync(frames);
    await settled(() => renderer.ended === 1);
    expect(outlook.rtf).toBeGreaterThan(0.3);
    expect(outlook.rtf).toBeLessThan(8);
  });

  it('leaves frames the renderer drops without a picture, and nobody waiting for them', async () => {
    const { frames, outlook } = paired([11], forgetfulRenderer());
    const all = await Array.fromAsync(frames);
    await settled(() => outlook.drawn >= outlook.known);
    expect(all.filter((frame) => !frame.picture).map((frame) => frame.frame)).toEqual([2, 5, 8]);
  });

  it('keeps the voice whole when the renderer fails', async () => {
    const { frames, outlook, failures } = paired([30, 30], failingRenderer(2));
    const all = await Array.fromAsync(frames);
    expect(all.length).toBe(60);
    expect(all.findLastIndex((frame) => frame.picture)).toBeLessThan(8);
    expect(failures).toEqual([expect.objectContaining({ code: 'render_failed' })]);
    expect(outlook).toMatchObject({ drawn: Infinity, trouble: 'out of paint' });
  });

  it.each([
    ['hangs half way', () => hangingRenderer(2)],
    ['never begins', () => deafRenderer()],
  ])('keeps the voice whole when the renderer %s, and nobody waits for its pictures for ever', async (_, open) => {
    const clock = new VirtualClock();
    const { frames, outlook, failures } = paired([30, 30], open(), { clock });
    expect(await Array.fromAsync(frames)).toHaveLength(60);
    await clock.advance(4_800);
    expect(failures).toEqual([]);
    expect(outlook.drawn).toBeLessThan(outlook.known);
    await clock.advance(300);
    expect(failures).toEqual([expect.objectContaining({ code: 'render_failed' })]);
    expect(outlook).toMatchObject({ drawn: Infinity, trouble: 'The renderer has stopped to answer.' });
  });

  it('is left at once, also while the renderer hangs', async () => {
    const { frames, abort } = paired([400], hangingRenderer(0));
    await frames.next();
    await frames.return();
    expect(abort.signal.aborted).toBe(true);
  });

  it('passes on a failure of the voice after what was known before it, and says that no more will come', async () => {
    const { frames, outlook } = paired([9], instantRenderer(), {}, new Error('voice gone'));
    const got: number[] = [];
    const read = async (): Promise<void> => {
      for await (const frame of frames) got.push(frame.frame);
    };
    await expect(read()).rejects.toThrow('voice gone');
    expect(got.length).toBe(9);
    expect(outlook.ended).toBe(true);
  });

  it('ends the renderer and the voice when it is left or aborted', async () => {
    for (const how of ['left', 'aborted'] as const) {
      const renderer = sluggishRenderer(2);
      const { frames, abort } = paired([400], renderer);
      await frames.next();
      if (how === 'aborted') {
        abort.abort();
        while (!(await frames.next()).done);
      } else await frames.return();
      await settled(() => renderer.ended === 1);
      expect(abort.signal.aborted).toBe(true);
    }
  });
});
