import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { children } from '#test/support/processes.ts';
import { startServer } from '#test/support/server.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('the life of the server', () => {
  it(
    'finishes the clause on air at SIGTERM, leaves with 0 within 10 s, and leaves nothing running',
    { timeout: 60_000 },
    async () => {
      const server = await startServer();
      const session = await server.createSession({ hls: 'always' });
      await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Tell me a story.' }, session.token);
      while ((await server.stage(session)).state !== 'speaking') await sleep(50);
      const offspring = children(server.pid);
      expect(offspring.length).toBeGreaterThanOrEqual(2);
      const { exitCode, tookMs } = await server.stop();
      expect(exitCode).toBe(0);
      expect(tookMs).toBeLessThan(10_000);
      for (const pid of offspring) expect(() => process.kill(pid, 0)).toThrow();
    },
  );

  it('says in one line which port is taken', { timeout: 30_000 }, async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const port = String((squatter.address() as AddressInfo).port);
    const { exitCode, stderr } = await tryToStart({ PORT: port });
    squatter.close();
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(new RegExp(`PORT.*${port}|${port}.*PORT`));
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('says in one line which setting is wrong and what is allowed', { timeout: 30_000 }, async () => {
    const { exitCode, stderr } = await tryToStart({ RENDERER: 'crayon' });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/RENDERER.*portrait.*pattern/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it(
    'without ffmpeg stays up, shows the face, and says what is missing when it should speak or serve HLS',
    { timeout: 60_000 },
    async () => {
      const noFfmpeg = (process.env['PATH'] ?? '')
        .split(delimiter)
        .filter((folder) => !/^\/(usr\/(local\/)?)?s?bin$/.test(folder));
      const server = await startServer({ PATH: [dirname(process.execPath), ...noFfmpeg].join(delimiter) });
      const session = await server.createSession({});
      const hls = await fetch(session.urls.hls);
      expect(hls.status).toBe(503);
      expect(JSON.stringify(await hls.json())).toMatch(/ffmpeg/);
      await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Hello' }, session.token);
      let state = '';
      for (let i = 0; i < 100 && state !== 'failed'; i += 1) {
        const { body } = await server.call('GET', `/v1/sessions/${session.id}/transcript`, undefined, session.token);
        state = (body as { turns: { state: string }[] }).turns[0]?.state ?? '';
        await sleep(50);
      }
      expect(state).toBe('failed');
      expect((await server.stage(session)).frame).toBeGreaterThan(0);
      expect((await server.stop()).exitCode).toBe(0);
    },
  );
});

async function tryToStart(env: Record<string, string>): Promise<{ exitCode: number | undefined; stderr: string }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'infinitetalk-rtc-'));
  const { exitCode, stderr } = await execa(process.execPath, ['server/main.ts'], {
    env: { PORT: '0', RTC_PORT: '0', RTC_WORKERS: '1', DATA_DIR: dataDir, ...env },
    reject: false,
    timeout: 20_000,
  });
  await rm(dataDir, { recursive: true, force: true });
  return { exitCode, stderr };
}
