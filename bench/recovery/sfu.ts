import { setTimeout as sleep } from 'node:timers/promises';
import { launchBrowser } from '#test/support/browser.ts';
import { msUntilPainted, recordPaintedFrames } from '#test/support/painted.ts';
import { children } from '#test/support/processes.ts';
import { startServer } from '#test/support/server.ts';
import { rowOf, type RecoveryRow } from './row.ts';

const TIMES = 20;
/** A worker that lived for less counts as one that failed to start, and the next is started later. */
const SETTLED = 5_200;
const LIMIT = 2_000;

/** Kills the media worker under a page that watches by WebRTC. */
export async function run(): Promise<RecoveryRow[]> {
  const server = await startServer();
  const browser = await launchBrowser();
  try {
    await recordPaintedFrames(browser.context);
    const session = await server.createSession({});
    const { epochMs } = await server.stage(session);
    const page = await browser.open(session.urls.page);
    await msUntilPainted(page, epochMs, Date.now());
    const samples: number[] = [];
    for (let time = 0; time < TIMES; time += 1) {
      await sleep(SETTLED + Math.random() * 500);
      const [pid] = children(server.pid, 'mediasoup');
      if (pid === undefined) throw new Error('no media worker runs');
      const killedAt = Date.now();
      process.kill(pid, 'SIGKILL');
      samples.push(await msUntilPainted(page, epochMs, killedAt));
    }
    return [rowOf('the media worker is killed → a new picture is painted', 'back by itself over WebRTC, ≤ 2 s', LIMIT, samples)];
  } finally {
    await browser.close();
    await server.stop();
  }
}
