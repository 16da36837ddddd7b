import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningServer } from './server.ts';

/** Settings for `startServer` with which `lookInside` works. */
export const TRANSPARENT = { NODE_OPTIONS: '--expose-gc --import=./test/fixtures/looked-into.ts' } as const;

/** What the server's own look into itself says, after a full garbage collection (test/fixtures/looked-into.ts). */
export interface Inside {
  /** Warnings of too many listeners, so far. */
  readonly warnings: number;
  /** Living objects by class. */
  readonly objects: Record<string, number>;
  /** What keeps the event loop alive: timers, sockets, processes. */
  readonly resources: Record<string, number>;
  readonly sfu: Record<string, number>;
  /** Bytes. */
  readonly memory: Record<'heapUsed' | 'arrayBuffers', number>;
}

export async function lookInside(server: RunningServer): Promise<Inside> {
  const readings = (): unknown[] => server.log.filter(({ msg }) => msg === 'reading');
  const known = readings().length;
  process.kill(server.pid, 'SIGUSR2');
  for (let waited = 0; readings().length === known; waited += 20) {
    if (waited > 20_000) throw new Error('the server did not answer SIGUSR2');
    await sleep(20);
  }
  return readings().at(-1) as Inside;
}

/** Resident memory of a process, bytes (proc(5)). */
export const resident = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024;
