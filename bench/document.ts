import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import type { BenchResult } from './bench.ts';

type Kept = BenchResult & {
  name: string;
  date: string;
  stealPercent: number;
  machine: { cpu: string; cores: number; memoryGiB: number; kernel: string; node: string };
};

const INTRO = `# Performance

Written by \`npm run bench\` from \`bench/results/\`. Hosts are shared and noisy: figures are ratios within one run or counted work where that is possible,
runs that lost more than 15 % of the CPU to the host are done again, and none of this gates a test.
`;

/** Writes docs/performance.md from the kept results. */
export async function writePerformanceDoc(benchFolder: URL, read: (path: URL) => Promise<string>): Promise<void> {
  const results = new URL('results/', benchFolder);
  const sections: string[] = [];
  for (const file of readdirSync(results)
    .filter((name) => name.endsWith('.json'))
    .sort()) {
    sections.push(section(JSON.parse(await read(new URL(file, results))) as Kept));
  }
  await writeFile(new URL('../docs/performance.md', benchFolder), `${INTRO}\n${sections.join('\n')}`);
}

const MARKERS = ['<!-- recovery: written by npm run bench recovery -->', '<!-- /recovery -->'] as const;

/** Puts the table of measured recoveries between its markers in docs/reliability.md, which is otherwise written by hand. */
export async function writeReliabilityTable(benchFolder: URL): Promise<void> {
  const path = new URL('../docs/reliability.md', benchFolder);
  const kept = await readFile(new URL('results/recovery.json', benchFolder), 'utf8').catch(() => undefined);
  if (kept === undefined) return;
  const text = await readFile(path, 'utf8');
  const [start, end] = MARKERS.map((marker) => text.indexOf(marker));
  if (start === undefined || end === undefined || start < 0 || end < start) throw new Error(`${path.pathname} lacks its markers`);
  const { rows, ...about } = JSON.parse(kept) as Kept;
  const written = `${text.slice(0, start)}${MARKERS[0]}\n\n${tableOf(rows)}\n\n_${where(about)}_\n\n${text.slice(end)}`;
  await writeFile(path, written);
}

function section({ name, what, goal, met, rows, ...about }: Kept): string {
  return `## ${name}\n\n${what}\n\nGoal: ${goal} — **${met ? 'met' : 'missed'}**\n\n${tableOf(rows)}\n\n_${where(about)}_\n`;
}

function tableOf(rows: Kept['rows']): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map((column) => String(row[column] ?? '')))),
  ].join('\n');
}

const where = ({ date, machine, stealPercent }: Pick<Kept, 'date' | 'machine' | 'stealPercent'>): string =>
  `${date}, ${machine.cpu}, ${String(machine.cores)} cores, ${String(machine.memoryGiB)} GiB, Linux ${machine.kernel}, Node ${machine.node}, steal ${String(stealPercent)} %`;
