import { randomUUID } from 'node:crypto';
import { existsSync, globSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readText } from '../setup/cache.mjs';
import { buildPage } from '../setup/page.mjs';
import { run } from '../setup/run.mjs';
import { endStrays, marked } from './strays.ts';
import { add, retriedIn, tallyOf, type Tally } from './tally.ts';

/** What came of a check: its count, and what it has to say. */
interface Outcome {
  readonly tally: Tally;
  readonly output: string;
}

/** One heading of a test run. */
export interface Check {
  readonly name: string;
  run(): Promise<Outcome>;
}

const PASSED: Tally = { passed: 1, failed: 0, skipped: 0 };
const FAILED: Tally = { passed: 0, failed: 1, skipped: 0 };

/** What looks at the sources of the checkout at `root`, dearest first: side by side they take as long as that one. */
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
  const python = globSync('gpu-render/**/*.py', { cwd: root }).length > 0;
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
    ...(python ? [tool('python lint', 'ruff', 'check', 'gpu-render'), tool('python types', 'mypy', 'gpu-render')] : []),
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

/** Every test, which says as it goes what came of each file. `filters` narrow it to matching files. */
export const testCheck = (root: string, filters: readonly string[]): Check => ({
  name: 'tests',
  run: () => vitest(root, join(root, 'node_modules', '.bin', 'vitest'), filters),
});

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
