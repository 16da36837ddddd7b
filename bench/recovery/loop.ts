import { setTimeout as sleep } from 'node:timers/promises';
import { launchBrowser, readPaintedFrames } from '#test/support/browser.ts';
import { startPluggedServer } from '#test/support/plugs.ts';
import { percentile } from '../bench.ts';
import { rowOf, type RecoveryRow } from './row.ts';

const TIMES = 8;
const BLOCK = 500;
/** A picture so much older than usual is still in step, ms. */
const IN_STEP = 40;
const LIMIT = 300;

/** Blocks the server's event loop while a page watches the test card, whose pictures say when they were due. */
export async function run(): Promise<RecoveryRow[]> {
  const server = await startPluggedServer({ RENDERER: 'pattern' });
  const browser = await launchBrowser();
  try {
    const session = await server.createSession({});
    const page = await browser.open(session.urls.page);
    await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 1, undefined, { timeout: 30_000 });
    const { epochMs, fps } = await server.stage(session);
    const samples: number[] = [];
    for (let time = 0; time < TIMES; time += 1) {
      if ((await server.stage(session)).state !== 'speaking')
        await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Tell me a long story.' }, session.token);
      await sleep(2_000 + Math.random() * 500);
      const reading = readPaintedFrames(page, 4_000);
      await sleep(1_000);
      const { from, to } = await server.block(BLOCK);
      const seen = (await reading).map(({ frame, painted }) => ({ painted, age: painted - (epochMs + (frame * 1_000) / fps) }));
      const usual = percentile(
        seen.filter(({ painted }) => painted < from).map(({ age }) => age),
        0.5,
      );
      const back = seen.find(({ painted, age }) => painted >= to && age <= usual + IN_STEP);
      samples.push(back ? back.painted - to : Number.POSITIVE_INFINITY);
    }
    const plug = `the event loop is blocked for ${String(BLOCK)} ms → its end until a picture is painted in step again`;
    return [rowOf(plug, 'nothing spoken is lost, in step at once', LIMIT, samples)];
  } finally {
    await browser.close();
    await server.stop();
  }
}
