import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem, release } from 'node:os';
import type { Bench, BenchOptions } from './bench.ts';
import { undisturbed, round } from './bench.ts';
import { writePerformanceDoc, writeReliabilityTable } from './document.ts';

/** `npm run bench [name…] [-- --option value…]`: runs the benchmarks one after the other, prints a table each and keeps the figures in bench/results/. */
const folder = new URL('.', import.meta.url);
const SUPPORT = ['bench', 'run', 'document', 'peer', 'stage-alone', 'stub-server'];
const known = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => file.slice(0, -3))
  .filter((name) => !SUPPORT.includes(name));

const given = process.argv.slice(2);
const options = Object.fromEntries(
  given.flatMap((arg, at) => (arg.startsWith('--') ? [[arg.slice(2), given[at + 1] ?? '']] : [])),
) as BenchOptions;
const wanted = given.filter((arg, at) => !arg.startsWith('--') && given[at - 1]?.startsWith('--') !== true);
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`unknown benchmark ${unknown.join(', ')}; there are: ${known.join(', ')}\n`);
  process.exit(2);
}

const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  node: process.version,
};

let missed = 0;
for (const name of wanted.length > 0 ? wanted : known) {
  process.stdout.write(`\n${name} …\n`);
  const { run } = (await import(new URL(`${name}.ts`, folder).href)) as { run: Bench };
  const { value: result, steal } = await undisturbed(name, () => run(options));
  process.stdout.write(`${result.what}\n`);
  console.table(result.rows);
  process.stdout.write(`goal: ${result.goal} → ${result.met ? 'met' : 'MISSED'}; steal ${String(round(steal * 100))} %\n`);
  if (!result.met) missed += 1;
  const record = { name, date: new Date().toISOString().slice(0, 10), machine, stealPercent: round(steal * 100), ...result };
  await writeFile(new URL(`results/${name}.json`, folder), `${JSON.stringify(record, undefined, 2)}\n`);
}
await writePerformanceDoc(folder, (path) => readFile(path, 'utf8'));
await writeReliabilityTable(folder);
process.exit(missed > 0 ? 1 : 0);
