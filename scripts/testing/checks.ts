import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readText } from '../setup/cache.mjs';
import { buildPage } from '../setup/page.mjs';
import { run } from '../setup/run.mjs';
import { pythonChecks, pythonTests } from './python.ts';
import { endStrays, marked } from './strays.ts';
import { add, FAILED, PASSED, tallyOf, type Check, type Tally } from './tally.ts';

/** All checks of the checkout at `root`, cheapest first. `filters` narrow the tests to matching files. */
export function checksOf(root: string, filters: readonly string[]): Check[] {
  const tool = (name: string, command: string, ...args: string[]): Check => ({
    name,
    run: async () => ((await run(command, args, { cwd: root })).code === 0 ? PASSED : FAILED),
  });
  const bin = (name: string): string => join(root, 'node_modules', '.bin', name);
  const generator = join(root, 'scripts', 'generate.ts');
  return [
    tool('format', bin('prettier'), '--check', '.'),
    tool('types', bin('tsc'), '--noEmit'),
    tool('lint', bin('eslint'), '--max-warnings', '0', '.'),
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
    ...pythonTests(root, filters),
    ...vitestChecks(root, bin('vitest'), filters),
  ];
}

async function page(root: string): Promise<Tally> {
  try {
    await buildPage(root, process.execPath);
    return PASSED;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return FAILED;
  }
}

/** Filters that name a Python file are not vitest's; when all are, it has nothing to do. */
function vitestChecks(root: string, command: string, filters: readonly string[]): Check[] {
  const own = filters.filter((filter) => !filter.startsWith('gpu-render/'));
  return filters.length > 0 && own.length === 0 ? [] : [{ name: 'tests', run: () => vitest(root, command, own) }];
}

async function vitest(root: string, command: string, filters: readonly string[]): Promise<Tally> {
  const report = join(root, 'dist', 'test-report.json');
  mkdirSync(join(root, 'dist'), { recursive: true });
  rmSync(report, { force: true });
  const id = randomUUID();
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters];
  const { code } = await run(command, args, { cwd: root, env: marked(process.env, id) });
  const strays = await endStrays(id, 5_000);
  for (const stray of strays) console.error(`left running by the tests: ${stray}`);
  return add(tallyOf(readText(report), code), strays.length > 0 ? FAILED : PASSED);
}
