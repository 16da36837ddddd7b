import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Children inherit their environment, even those whose parent is gone: a mark in it tells whose they are. */
const MARK = 'INFINITETALK_TEST_RUN';

/** The environment of a test run whose processes can be found again by `straysOf`. */
export const marked = (env: NodeJS.ProcessEnv, run: string): NodeJS.ProcessEnv => ({ ...env, [MARK]: run });

/**
 * Processes of the run that are still there after `graceMs`, as `pid command line`; they are killed. Empty where there is no /proc.
 */
export async function endStrays(run: string, graceMs: number): Promise<string[]> {
  let left = straysOf(run);
  for (let waited = 0; left.length > 0 && waited < graceMs; waited += 200) {
    await sleep(200);
    left = straysOf(run);
  }
  for (const { pid } of left) end(pid);
  return left.map(({ pid, command }) => `${pid} ${command}`);
}

function straysOf(run: string): { pid: number; command: string }[] {
  return processes().flatMap((pid) => {
    const environment = read(pid, 'environ');
    if (pid === process.pid || !environment.split('\0').includes(`${MARK}=${run}`)) return [];
    return [{ pid, command: read(pid, 'cmdline').replaceAll('\0', ' ').trim().slice(0, 120) }];
  });
}

function processes(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function read(pid: number, what: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8');
  } catch {
    return '';
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}
