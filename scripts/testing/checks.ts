import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readText } from '../setup/cache.mjs';
import { buildPage } from '../setup/page.mjs';
import { run } from '../setup/run.mjs';
import { pythonChecks } from './python.ts';
import { endStrays, marked } from './strays.ts';
import { add, FAILED, PASSED, retriedIn, tallyOf, type Check, type Outcome } from './tally.ts';

/** What looks at the sources of the checkout at `root`, dearest first: side by side they take little longer than that one. */
export function sourceChecks(root: string): Check[] {
  const env = process.stdout.isTTY ? { FORCE_COLOR: '1', ...process.env } : process.env;
  const tool = (name: string, command: string, ...args: string[]): Check => ({
    name,
    run: async () => {
      const { code, output } = await run(command, args, { cwd: root, env, quiet: true });
      return { tally: code === 0 ? PASSED : FAILED, output };
    },
  });
  const bin = (name: string): string => join(root, 'node_modules', '.bin', name);
  const generator = join(root, 'scripts', 'generate.ts');
  return [
    tool('lint', bin('eslint'), '--max-warnings', '0', '.'),
    tool('types', bin('tsc'), '--noEmit'),
    tool('format', bin('prettier'), '--cache', '--cache-strategy', 'content', '--check', '.'),
    tool(
      'import rules',
      bin('depcruise'),
      '--config',
      '.dependency-cruiser.js',
      'protocol',
      'server',
      'client',
      'bench',
      'test',
      'scripts',
    ),
    tool('unused code', bin('knip')),
    ...(existsSync(generator) ? [tool('generated files', process.execPath, generator, '--check')] : []),
    ...pythonChecks(root),
    { name: 'page', run: () => page(root) },
  ];
}

async function page(root: string): Promise<Outcome> {
  try {
    await buildPage(root, process.execPath);
    return { tally: PASSED, output: '' };
  } catch (error) {
    return { tally: FAILED, output: error instanceof Error ? error.message : String(error) };
  }
}

/** The tests, which say as they go what came of each file. `filters` narrow them to matching files; those of gpu-render/ are Python's. */
export function testChecks(root: string, filters: readonly string[]): Check[] {
  const own = filters.filter((filter) => !filter.startsWith('gpu-render/'));
  if (filters.length > 0 && own.length === 0) return [];
  return [{ name: 'tests', run: () => vitest(root, join(root, 'node_modules', '.bin', 'vitest'), own) }];
}

async function vitest(root: string, command: string, filters: readonly string[]): Promise<Outcome> {
  const report = join(root, 'dist', 'test-report.json');
  mkdirSync(join(root, 'dist'), { recursive: true });
  rmSync(report, { force: true });
  const id = randomUUID();
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters];
  const { code } = await run(command, args, { cwd: root, env: marked(process.env, id) });
  const strays = await endStrays(id, 5_000);
  for (const stray of strays) console.error(`left running by the tests: ${stray}`);
  const text = readText(report);
  return { tally: add(tallyOf(text, code), strays.length > 0 ? FAILED : PASSED), output: retriedIn(text).join('\n') };
}
