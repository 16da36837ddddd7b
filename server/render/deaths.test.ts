import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import type { DrawnFrame } from '#base/media.ts';
import { avatars } from '#server/avatars/catalogue.ts';
import { createMetrics, type Metrics } from '#server/telemetry/metrics.ts';
import { buzz, collect } from '#test/contract/renderer.contract.ts';
import { ThreadDebugger } from '#test/support/thread-debugger.ts';
import { portraitRenderer } from './portrait.ts';
import type { Renderer } from './renderer.ts';

const size = { width: 256, height: 256 };
const WINDOWS = 40;
let metrics: Metrics;

function open(): Promise<Renderer> {
  metrics = createMetrics();
  return portraitRenderer({ avatars: avatars(), size, log: silentLog, clock: systemClock, metrics });
}

const render = (renderer: Renderer, avatar: string, idleFrame = 0): Promise<DrawnFrame[]> =>
  collect(renderer.render(buzz(renderer.geometry, WINDOWS), { avatar, idleFrame }, new AbortController().signal));

/** Runs `pull` once the first few pictures of a stream are there. */
async function pulling(renderer: Renderer, avatar: string, pull: () => void): Promise<DrawnFrame[]> {
  const frames: DrawnFrame[] = [];
  const request = { avatar, idleFrame: 0 };
  for await (const frame of renderer.render(buzz(renderer.geometry, WINDOWS), request, new AbortController().signal)) {
    frames.push(frame);
    if (frames.length === 12) pull();
  }
  return frames;
}

const errors = async (): Promise<string[]> =>
  (await metrics.registry.getSingleMetricAsString('provider_errors_total')).match(/^provider.*$/gm) ?? [];

const same = (a: DrawnFrame[], b: DrawnFrame[]): boolean =>
  a.length === b.length &&
  a.every(({ frame, picture }, at) => frame === b[at]?.frame && !Buffer.compare(picture.data, b[at].picture.data));

describe('the portrait, when its thread', () => {
  let threads: ThreadDebugger;
  let portrait: Renderer;
  beforeEach(async () => {
    portrait = await open();
    threads = new ThreadDebugger();
  });
  afterEach(async () => {
    threads.close();
    await portrait.close('test over');
  });

  it.each([
    ['exits', 'crash', 'process.exit(7)'],
    ['fails where nobody catches', 'crash', 'Promise.reject(new Error("a bug"))'],
    // On a busy machine it looks for some for so long that it hangs.
    ['has no memory left', 'crash|hang', 'globalThis.hoard = []; for (;;) hoard.push(new Array(1_000_000).fill(0.5))'],
    ['hangs', 'hang', 'for (;;) {}'],
  ])('%s: draws all the same, for all that are being drawn', { timeout: 60_000 }, async (_, kind, fault) => {
    const whole = await Promise.all([render(portrait, 'nora'), render(portrait, 'theo')]);
    const [nora, theo] = await Promise.all([
      pulling(portrait, 'nora', () => threads.evaluate('portrait', fault)),
      render(portrait, 'theo'),
    ]);
    expect(same(nora, whole[0])).toBe(true);
    expect(same(theo, whole[1])).toBe(true);
    const error = new RegExp(`^provider_errors_total\\{provider="portrait",kind="(${kind})"\\} 1$`);
    expect(await errors()).toEqual([expect.stringMatching(error)]);
  });
});

/** Each portrait thread begins with `expression`. */
function eachBeginsWith(expression: string): void {
  const threads = new ThreadDebugger({ name: 'portrait', expression });
  onTestFinished(() => threads.close());
}

describe('the portrait', () => {
  it('gives up the question that ends each thread, and no other', { timeout: 60_000 }, async () => {
    // The orders of each question are gone through one by one.
    eachBeginsWith(`const each = Array.prototype[Symbol.iterator];
      Array.prototype[Symbol.iterator] = function () {
        if (this.some((order) => order?.idleFrame === 210)) process.exit(9);
        return each.call(this);
      };`);
    const portrait = await open();
    onTestFinished(() => portrait.close('test over'));
    const [poisoned, well] = await Promise.allSettled([render(portrait, 'nora', 200), render(portrait, 'nora')]);
    expect(poisoned).toMatchObject({ status: 'rejected', reason: { code: 'render_failed' } });
    expect(well).toMatchObject({ status: 'fulfilled' });
    expect(await errors()).toEqual(['provider_errors_total{provider="portrait",kind="crash"} 2']);
    expect(await render(portrait, 'theo')).toHaveLength(WINDOWS * portrait.geometry.freshFrames);
  });

  it('says so when no thread can be started', { timeout: 60_000 }, async () => {
    eachBeginsWith('process.exit(1)');
    await expect(open()).rejects.toMatchObject({ code: 'render_failed' });
    expect(await errors()).toEqual(['provider_errors_total{provider="portrait",kind="crash"} 2']);
  });
});
