import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SEEN_THROUGH, seekLeaks, shown, type Sought } from '#test/support/leaks.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

/** What is counted shows with the first of them, what is weighed grows with each round of 56; `npm run bench leaks` opens 200. */
const TIMES = 4;
const ROUNDS = 4;

describe('sessions, opened, used in every way and closed', () => {
  let server: RunningServer;
  let folder = '';
  let sought: Sought;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'leaks-'));
    server = await startServer({ ...SEEN_THROUGH, DATA_DIR: join(folder, 'data'), TMPDIR: folder });
    sought = await seekLeaks(server, TIMES, ROUNDS);
  }, 600_000);
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('leave processes, threads, descriptors, timers, SFU objects and every object of ours where they were', () => {
    expect(sought.readings.at(-1)?.counts).toEqual(sought.readings[0]?.counts);
  });

  it('leave memory where it was', () => {
    expect(sought.grown, shown(sought.readings)).toBe(undefined);
  });

  it('leave nobody on the gauges', async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const gauges = text.split('\n').filter((line) => /^(sessions|viewers)\{/.test(line));
    expect(gauges.length).toBeGreaterThan(4);
    for (const gauge of gauges) expect(gauge).toMatch(/ 0$/);
  });

  it('leave no failure in the log, no temporary file, and an end to each of them on disk', async () => {
    // What a visit is told when the first segment takes longer than 5 s: it asks again.
    const failures = server.log.filter(({ level, code }) => Number(level) >= 50 && code !== 'hls_unavailable');
    expect(failures).toEqual([]);
    expect((await readdir(folder)).filter((name) => name !== 'data')).toEqual([]);
    expect((await readdir(join(folder, 'data', 'idle'))).filter((name) => !name.endsWith('.idle'))).toEqual([]);
    await server.stop();
    const history = new DatabaseSync(join(folder, 'data', 'history.db'), { readOnly: true });
    const count = (sql: string): unknown => history.prepare(sql).get()?.['n'];
    expect(count('SELECT count(*) AS n FROM sessions WHERE ended_at IS NOT NULL')).toBe(sought.sessions);
    expect(count('SELECT count(*) AS n FROM sessions WHERE ended_at IS NULL')).toBe(0);
    expect(count(`SELECT count(*) AS n FROM turns WHERE state NOT IN ('done', 'interrupted')`)).toBe(0);
    history.close();
  });
});
