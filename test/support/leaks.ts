import { readdir, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { lookInside, resident, TRANSPARENT, type Inside } from './inside.ts';
import { children } from './processes.ts';
import type { RunningServer } from './server.ts';
import { VISITS } from './visits.ts';

/** Sessions at once. */
const LANES = 6;
/** More than they ask at once. */
const KEPT = 2 * LANES;
const SILENT = ['created', 'joined', 'joined again and again', 'HLS given up'];
/** Every way to use and leave a session; those that make no voice come twice: they cost little. */
const WAYS = [...Object.values(VISITS), ...SILENT.map((name) => VISITS[name])];
/** Sessions before the first reading: pools, caches and allocators have then grown as far as they will. */
const WARM = 3 * WAYS.length;
const MB = 2 ** 20;

/** Settings of a server that `seekLeaks` can look into. */
export const SEEN_THROUGH = { ...TRANSPARENT, CREATE_RATE_LIMIT: '100000', SESSION_IDLE_TIMEOUT: '4000' } as const;

/** All that has to be as it was; `memory` may breathe. */
export interface Reading {
  readonly counts: Record<string, number>;
  readonly memory: Record<'server' | 'workers', number> & Inside['memory'];
}

export interface Sought {
  /** One before each round of visits, and one after the last. */
  readonly readings: readonly Reading[];
  /** The memory that grew in each round, too much for what was visited. */
  readonly grown: string | undefined;
  /** In a round. */
  readonly each: number;
  /** In all. */
  readonly sessions: number;
}

/**
 * Opens, uses and closes sessions in every way, `times` each. An allocator that still grew stops growing, a leak doesn't: what grew is looked at
 * again after as many more, at most `rounds` times.
 */
export async function seekLeaks(server: RunningServer, times: number, rounds: number): Promise<Sought> {
  const each = times * WAYS.length;
  // As many at once as there will ever be, so that what grows with that has grown.
  await Promise.all(Array.from({ length: LANES }, async () => VISITS['interrupted']?.(server)));
  await visit(server, WARM);
  const first = await settled(server, undefined);
  const readings = [first];
  let grown: string | undefined;
  do {
    const before = readings.at(-1) ?? first;
    await visit(server, each);
    const after = await settled(server, first);
    readings.push(after);
    grown = whatGrew(before, after, each);
    if (grown !== undefined) process.stderr.write(`leaks: ${grown} grew: ${shown(readings)}\n`);
  } while (grown !== undefined && readings.length <= rounds);
  return { readings, grown, each, sessions: LANES + WARM + (readings.length - 1) * each };
}

/**
 * Which memory grew by more than it may breathe: that of processes by 5 % in 200 sessions (a small one by a few pages), and inside the server 15 kB
 * each, which what is remembered of ended ones is far below.
 */
function whatGrew({ memory: before }: Reading, { memory: after }: Reading, sessions: number): string | undefined {
  const most = sessions * 15 * 1_024;
  const breath = (bytes: number): number => Math.max(MB / 2, 0.05 * bytes * (sessions / 200));
  if (after.server - before.server >= breath(before.server)) return 'server';
  if (after.workers - before.workers >= breath(before.workers)) return 'workers';
  if (after.heapUsed - before.heapUsed >= most) return 'heapUsed';
  return after.arrayBuffers - before.arrayBuffers >= most ? 'arrayBuffers' : undefined;
}

async function visit(server: RunningServer, sessions: number): Promise<void> {
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < sessions) await WAYS[begun++ % WAYS.length]?.(server);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** Read until all counts are those of `wanted`, or without it until they stay the same; at most a minute. */
async function settled(server: RunningServer, wanted: Reading | undefined): Promise<Reading> {
  let last = wanted;
  for (const started = performance.now(); ;) {
    await allOver(server);
    const next = await read(server);
    if (JSON.stringify(next.counts) === JSON.stringify(last?.counts) || performance.now() - started > 60_000) return next;
    last = wanted ?? next;
  }
}

/** No session is left. Asked of a gauge, since each look inside stops the server for seconds. */
async function allOver(server: RunningServer): Promise<void> {
  for (const started = performance.now(); performance.now() - started < 60_000;) {
    await sleep(500);
    const text = await (await fetch(`${server.url}/metrics`)).text();
    if (!/^sessions\{.* [1-9]/m.test(text)) break;
  }
  await sleep(500);
}

async function read(server: RunningServer): Promise<Reading> {
  // Always as many connections are open as this process's `fetch` keeps for its next request: each has its timers and its objects.
  const ping = async (): Promise<unknown> => (await fetch(`${server.url}/healthz`)).text();
  await Promise.all(Array.from({ length: KEPT }, ping));
  const { objects, resources, sfu, memory, warnings } = await lookInside(server);
  const workers = children(server.pid, 'mediasoup-work');
  return {
    counts: {
      ...named('object', objects),
      ...named('resource', resources),
      ...named('sfu', sfu),
      ...named('descriptor', await descriptorsOf(server.pid)),
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

/** The memory of each, for a person to read. */
export const shown = (readings: readonly Reading[]): string =>
  readings
    .map(({ memory }) =>
      Object.entries(memory)
        .map(([name, bytes]) => `${name} ${(bytes / MB).toFixed(1)} MB`)
        .join(', '),
    )
    .join(' → ');
