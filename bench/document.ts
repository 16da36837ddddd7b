import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
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

function section({ name, date, stealPercent, machine, what, goal, met, rows }: Kept): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  const table = [
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map((column) => String(row[column] ?? '')))),
  ];
  const where = `${date}, ${machine.cpu}, ${String(machine.cores)} cores, ${String(machine.memoryGiB)} GiB, Linux ${machine.kernel}, Node ${machine.node}, steal ${String(stealPercent)} %`;
  return `## ${name}\n\n${what}\n\nGoal: ${goal} — **${met ? 'met' : 'missed'}**\n\n${table.join('\n')}\n\n_${where}_\n`;
}
