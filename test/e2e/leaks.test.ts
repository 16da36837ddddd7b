import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lookInside, resident, TRANSPARENT, type Inside } from '#test/support/inside.ts';
import { children } from '#test/support/processes.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { VISITS } from '#test/support/visits.ts';

const SESSIONS = 200;
/** Sessions before the first reading: pools, caches and allocators have then grown as far as they will. */
const WARM = 40;
/** Sessions at once. */
const LANES = 6;
const SILENT = ['created', 'joined', 'joined again and again', 'HLS given up'];
const MB = 2 ** 20;

/** All that has to be as it was; `memory` may breathe. */
interface Reading {
  readonly counts: Record<string, number>;
  readonly memory: Record<'server' | 'workers', number> & Inside['memory'];
}

describe('200 sessions, opened, used in every way and closed', () => {
  let server: RunningServer;
  let [folder, before, after]: [string, Reading, Reading] = ['', blank(), blank()];
  let rounds = 1;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'leaks-'));
    server = await startServer({
      ...TRANSPARENT,
      DATA_DIR: join(folder, 'data'),
      TMPDIR: folder,
      CREATE_RATE_LIMIT: '100000',
      SESSION_IDLE_TIMEOUT: '1500',
    });
    // As many at once as there will ever be, so that what grows with that has grown.
    await Promise.all(Array.from({ length: LANES }, async () => VISITS['interrupted']?.(server)));
    await visit(server, WARM);
    before = await settled(server, undefined);
    await visit(server, SESSIONS);
    after = await settled(server, before);
    // An allocator that still grew stops growing, a leak doesn't: then as many again are measured from where the first ones left it.
    for (; grown(before, after) !== undefined && rounds < 3; rounds += 1) {
      before = { counts: before.counts, memory: after.memory };
      await visit(server, SESSIONS);
      after = await settled(server, before);
    }
  }, 600_000);
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('leave processes, threads, descriptors, timers, SFU objects and every object of ours where they were', () => {
    expect(after.counts).toEqual(before.counts);
  });

  it('leave memory where it was', () => {
    expect(grown(before, after), shown(before, after)).toBe(undefined);
  });

  it('leave nobody on the gauges', async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const gauges = text.split('\n').filter((line) => /^(sessions|viewers)\{/.test(line));
    expect(gauges.length).toBeGreaterThan(4);
    for (const gauge of gauges) expect(gauge).toMatch(/ 0$/);
  });

  it('leave no failure in the log, no temporary file, and an end to each of them on disk', async () => {
    expect(server.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
    expect((await readdir(folder)).filter((name) => name !== 'data')).toEqual([]);
    expect((await readdir(join(folder, 'data', 'idle'))).filter((name) => !name.endsWith('.idle'))).toEqual([]);
    await server.stop();
    const history = new DatabaseSync(join(folder, 'data', 'history.db'), { readOnly: true });
    const count = (sql: string): unknown => history.prepare(sql).get()?.['n'];
    expect(count('SELECT count(*) AS n FROM sessions WHERE ended_at IS NOT NULL')).toBe(LANES + WARM + rounds * SESSIONS);
    expect(count('SELECT count(*) AS n FROM sessions WHERE ended_at IS NULL')).toBe(0);
    expect(count(`SELECT count(*) AS n FROM turns WHERE state NOT IN ('done', 'interrupted')`)).toBe(0);
    history.close();
  });
});

/** Which memory grew by more than it may breathe. */
function grown({ memory: before }: Reading, { memory: after }: Reading): string | undefined {
  if (after.server >= 1.05 * before.server) return 'server';
  if (after.workers >= 1.05 * before.workers) return 'workers';
  // 15 kB a session, which the memory of ended sessions' names and of recent rate limits is far below.
  if (after.heapUsed - before.heapUsed >= 3 * MB) return 'heapUsed';
  return after.arrayBuffers - before.arrayBuffers >= 3 * MB ? 'arrayBuffers' : undefined;
}

async function visit(server: RunningServer, sessions: number): Promise<void> {
  // Those that make no voice come twice: they cost little.
  const visits = [...Object.values(VISITS), ...SILENT.map((name) => VISITS[name])];
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < sessions) await visits[begun++ % visits.length]?.(server);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** Read until all counts are those of `wanted`, or without it until they stay the same; at most 20 s. */
async function settled(server: RunningServer, wanted: Reading | undefined): Promise<Reading> {
  // The last to go are sessions that nobody ends.
  await sleep(4_000);
  let last = await read(server);
  for (const started = performance.now(); performance.now() - started < 20_000;) {
    await sleep(1_000);
    const next = await read(server);
    if (JSON.stringify(next.counts) === JSON.stringify((wanted ?? last).counts)) return next;
    last = next;
  }
  return last;
}

async function read(server: RunningServer): Promise<Reading> {
  const { objects, resources, sfu, memory, warnings } = await lookInside(server);
  const descriptors = await descriptorsOf(server.pid);
  const workers = children(server.pid, 'mediasoup-work');
  // Connections that this test's own `fetch` keeps open for its next request.
  const kept = resources['TCPSocketWrap'] ?? 0;
  expect(kept).toBeLessThanOrEqual(2 * LANES);
  return {
    counts: {
      ...named('object', { ...objects, EventEmitter: (objects['EventEmitter'] ?? 0) - kept }),
      ...named('resource', { ...resources, TCPSocketWrap: 0 }),
      ...named('sfu', sfu),
      ...named('descriptor', { ...descriptors, socket: (descriptors['socket'] ?? 0) - kept }),
      workerDescriptors: (await Promise.all(workers.map(descriptorsOf)))
        .flatMap((kinds) => Object.values(kinds))
        .reduce((a, b) => a + b, 0),
      processes: children(server.pid).length,
      threads: (await readdir(`/proc/${server.pid}/task`)).length,
      listenerWarnings: warnings,
    },
    memory: {
      ...memory,
      server: resident(server.pid),
      workers: workers.map(resident).reduce((a, b) => a + b, 0),
    },
  };
}

/** Open file descriptors by what they are; numbers in names are left out. */
async function descriptorsOf(pid: number): Promise<Record<string, number>> {
  const kinds: Record<string, number> = {};
  for (const descriptor of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => undefined);
    const kind = target?.replace(/:\[\d+\]$/, '');
    if (kind !== undefined) kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

function named(prefix: string, counts: Record<string, number>): Record<string, number> {
  const entries = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, count]) => [`${prefix} ${name}`, count]));
}

const shown = (...readings: readonly Reading[]): string =>
  readings
    .map(({ memory }) =>
      Object.entries(memory)
        .map(([name, bytes]) => `${name} ${(bytes / MB).toFixed(1)} MB`)
        .join(', '),
    )
    .join(' → ');

const blank = (): Reading => ({ counts: {}, memory: { server: 0, workers: 0, heapUsed: 0, arrayBuffers: 0 } });
