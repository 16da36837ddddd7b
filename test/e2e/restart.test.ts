import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Transcript } from '#protocol/http.ts';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { children } from '#test/support/processes.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser({ viewport: SMALL });
}, 120_000);
afterAll(() => browser.close());

const isGone = (pid: number): boolean => {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
};

test(
  'a server killed in the middle of a conversation and started again: the page goes on with it',
  { timeout: 120_000 },
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'restart-'));
    const servers: RunningServer[] = [];
    onTestFinished(async () => {
      for (const server of servers) await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    });
    const start = async (env: Record<string, string> = {}): Promise<RunningServer> => {
      const server = await startServer({ DATA_DIR: dataDir, ...env });
      servers.push(server);
      return server;
    };
    const before = await start();
    const session = await before.createSession({ hls: 'always' });
    const page = await browser.open(session.urls.page);
    onTestFinished(() => page.close());
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    const status = () => page.getByTestId('transport').getAttribute('data-status');
    const log = () => page.getByTestId('log').textContent();
    const turns = async (server: RunningServer) =>
      ((await server.call('GET', `/v1/sessions/${session.id}/transcript`, undefined, session.token)).body as Transcript).turns;
    const ask = async (text: string): Promise<void> => {
      await page.getByTestId('prompt').fill(text);
      await page.getByTestId('send').click();
    };
    await expect.poll(status, { timeout: 30_000 }).toBe('live');

    await ask('Count from one to three.');
    await expect.poll(async () => (await turns(before))[0]?.state, { timeout: 40_000 }).toBe('done');
    await ask('Tell me a long story.');
    await expect.poll(async () => (await turns(before))[1]?.spoken.length, { timeout: 40_000 }).toBeGreaterThan(0);
    const offspring = children(before.pid);
    expect(offspring.length).toBeGreaterThanOrEqual(2);
    process.kill(before.pid, 'SIGKILL');
    // What it had started doesn't outlive it.
    await expect.poll(() => offspring.every(isGone), { timeout: 15_000 }).toBe(true);
    await expect.poll(status, { timeout: 10_000 }).toBe('reconnecting');

    const after = await start({ PORT: new URL(before.url).port, RTC_PORT: String(before.rtcPort) });
    await expect.poll(status, { timeout: 30_000 }).toBe('live');
    expect(await page.getByTestId('transport').textContent()).toMatch(/webrtc/i);
    const kept = await turns(after);
    expect(kept).toMatchObject([
      { prompt: 'Count from one to three.', state: 'done' },
      { prompt: 'Tell me a long story.', state: 'interrupted', reason: 'The server was restarted.' },
    ]);
    await expect.poll(log).toContain('Count from one to three.');
    expect(await log()).toContain('Tell me a long story.');

    await ask('Count from one to three.');
    await expect
      .poll(async () => (await turns(after))[2], { timeout: 40_000 })
      .toMatchObject({ state: 'done', spoken: expect.stringMatching(/three/i) as string });
    expect((await log())?.split('Tell me a long story.')).toHaveLength(2);
    expect(errors).toEqual([]);
  },
);
