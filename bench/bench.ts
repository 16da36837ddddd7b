import { readFileSync, readdirSync } from 'node:fs';

/** What one benchmark found. Figures are plain numbers or strings; the goal stands beside them. */
export interface BenchResult {
  /** One sentence: what is measured, from where to where. */
  readonly what: string;
  readonly goal: string;
  readonly met: boolean;
  readonly rows: readonly Record<string, string | number>[];
}

/** What was given as `--name value`. */
export type BenchOptions = Readonly<Record<string, string>>;

export type Bench = (options: BenchOptions) => Promise<BenchResult>;

export const round = (value: number, digits = 1): number => Number(value.toFixed(digits));

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** CPU time the host took from this machine and total CPU time, in jiffies, since boot (proc(5), /proc/stat). */
function cpuTimes(): { steal: number; total: number } {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.trim().split(/\s+/).slice(1).map(Number) ?? [];
  return { steal: fields[7] ?? 0, total: fields.slice(0, 8).reduce((sum, value) => sum + value, 0) };
}

/** Share of CPU time stolen while `work` ran, 0–1, beside its result. */
export async function withSteal<T>(work: () => Promise<T>): Promise<{ value: T; steal: number }> {
  const before = cpuTimes();
  const value = await work();
  const after = cpuTimes();
  return { value, steal: (after.steal - before.steal) / Math.max(1, after.total - before.total) };
}

/** A run that lost more than this to the host says nothing and is done again. */
const MAX_STEAL = 0.15;

/** Runs `work` until the host left it alone, at most three times; the calmest run counts. */
export async function undisturbed<T>(name: string, work: () => Promise<T>): Promise<{ value: T; steal: number }> {
  let best: { value: T; steal: number } | undefined;
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const run = await withSteal(work);
    if (!best || run.steal < best.steal) best = run;
    if (run.steal <= MAX_STEAL) break;
    process.stderr.write(
      `${name}: ${String(Math.round(run.steal * 100))} % of the CPU was stolen, run ${String(attempt)} is disturbed\n`,
    );
  }
  return best as { value: T; steal: number };
}

/** CPU seconds a process has used, its threads included (proc(5), /proc/pid/stat, 100 jiffies a second). */
export const cpuSeconds = (pid: number): number => usedBy(`/proc/${String(pid)}`);

/** CPU seconds that those threads of a process have used which are called `name`. */
export const threadSeconds = (pid: number, name: string): number =>
  readdirSync(`/proc/${String(pid)}/task`)
    .map((thread) => `/proc/${String(pid)}/task/${thread}`)
    .filter((folder) => readFileSync(`${folder}/comm`, 'utf8').trim() === name)
    .reduce((sum, folder) => sum + usedBy(folder), 0);

function usedBy(folder: string): number {
  const stat = readFileSync(`${folder}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
