import { launchBrowser } from '#test/support/browser.ts';
import { children } from '#test/support/processes.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { cpuSeconds, round, type BenchResult } from './bench.ts';

const MEASURE_MS = 20_000;

/** CPU of an idle portrait stage against a talking one, one viewer each. */
export async function run(): Promise<BenchResult> {
  const server = await startServer();
  const browser = await launchBrowser();
  try {
    const session = await server.createSession({});
    const page = await browser.open(session.urls.page);
    await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 1, undefined, { timeout: 20_000 });
    await page.waitForTimeout(5_000);
    const idle = await cpuShare(server);
    await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Tell me a long story.' }, session.token);
    await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Tell me another story.' }, session.token);
    while ((await server.stage(session)).state !== 'speaking') await page.waitForTimeout(50);
    await page.waitForTimeout(1_000);
    const talking = await cpuShare(server);
    if ((await server.stage(session)).state !== 'speaking') throw new Error('the avatar stopped talking while it was measured');
    const ratio = idle.server / talking.server;
    return {
      what: 'CPU of the server and its SFU worker, % of one core, 512²@25 portrait stage with one viewer. The ratio leaves out the viewer’s forwarding (the worker).',
      goal: 'idle : talking ≤ 1 : 10',
      met: ratio <= 0.1,
      rows: [
        { stage: 'idle', ...percent(idle) },
        { stage: 'talking', ...percent(talking) },
        {
          stage: 'idle : talking',
          'server %': `1 : ${String(round(1 / ratio))}`,
          'worker %': `1 : ${String(round(talking.worker / idle.worker))}`,
        },
      ],
    };
  } finally {
    await browser.close();
    await server.stop();
  }
}

type Share = { server: number; worker: number };

const percent = ({ server, worker }: Share): Record<string, number> => ({
  'server %': round(server * 100),
  'worker %': round(worker * 100),
});

async function cpuShare({ pid }: RunningServer): Promise<Share> {
  const workers = children(pid, 'mediasoup-work');
  const used = (): Share => ({ server: cpuSeconds(pid), worker: workers.reduce((sum, worker) => sum + cpuSeconds(worker), 0) });
  const [before, started] = [used(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, MEASURE_MS));
  const [after, seconds] = [used(), (performance.now() - started) / 1_000];
  return { server: (after.server - before.server) / seconds, worker: (after.worker - before.worker) / seconds };
}
