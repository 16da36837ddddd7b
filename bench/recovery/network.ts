import { setTimeout as sleep } from 'node:timers/promises';
import { launchBrowser } from '#test/support/browser.ts';
import { msUntilPainted, recordPaintedFrames } from '#test/support/painted.ts';
import { startFarServer } from '#test/support/two-paths.ts';
import { rowOf, type RecoveryRow } from './row.ts';

const TIMES = 10;
const OUTAGE = 5_000;
const SETTLED = 2_000;
const LIMIT = 3_000;

/** Takes the network away from a page that watches by WebRTC, and changes it. */
export async function run(): Promise<RecoveryRow[]> {
  const far = await startFarServer();
  const browser = await launchBrowser();
  try {
    await recordPaintedFrames(browser.context);
    const session = await far.server.createSession({});
    const { epochMs } = await far.server.stage(session);
    const page = await browser.open(far.pageOf(session));
    const rest = async (): Promise<void> => {
      await msUntilPainted(page, epochMs, Date.now());
      await sleep(SETTLED + Math.random() * 500);
    };
    const [outages, changes]: [number[], number[]] = [[], []];
    for (let time = 0; time < TIMES; time += 1) {
      await rest();
      far.block(true);
      await sleep(OUTAGE);
      const backAt = Date.now();
      far.block(false);
      outages.push(await msUntilPainted(page, epochMs, backAt));
      await rest();
      const changedAt = Date.now();
      await far.media.rebind();
      far.web.strand();
      changes.push(await msUntilPainted(page, epochMs, changedAt));
    }
    const promise = 'back by itself, ≤ 3 s';
    return [
      rowOf('the network is back after 5 s without one → a new picture is painted', promise, LIMIT, outages),
      rowOf('the network changes → a new picture is painted', promise, LIMIT, changes),
    ];
  } finally {
    await browser.close();
    await far.close();
  }
}
