import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readText } from '../setup/cache.mjs';
import { DEBIAN_PYTHON } from '../setup/debian.mjs';
import { run } from '../setup/run.mjs';
import { endStrays, marked } from './strays.ts';
import { add, FAILED, PASSED, pytestTallyOf, type Check, type Outcome } from './tally.ts';

const FOLDER = 'gpu-render';

/** The checks of gpu-render/: lint and types. */
export function pythonChecks(root: string): Check[] {
  const passes = async (command: string, args: readonly string[], cwd: string): Promise<Outcome> => {
    const { code, output } = await run(command, args, { cwd, quiet: true });
    return { tally: code === 0 ? PASSED : FAILED, output };
  };
  return [
    { name: 'python lint', run: () => passes(process.execPath, [join(root, 'scripts', 'lint-python.ts')], root) },
    { name: 'python types', run: () => passes(DEBIAN_PYTHON, ['-m', 'mypy', 'gpu_render'], join(root, FOLDER)) },
  ];
}

/** Its tests: all of them, or those of the `filters` that name a file of gpu-render/. */
export function pythonTests(root: string, filters: readonly string[]): Check[] {
  const files = filters.filter((filter) => filter.startsWith(`${FOLDER}/`)).map((file) => file.slice(FOLDER.length + 1));
  if (filters.length > 0 && files.length === 0) return [];
  return [{ name: 'python tests', run: () => pytest(root, files) }];
}

async function pytest(root: string, files: readonly string[]): Promise<Outcome> {
  const report = join(root, 'dist', 'pytest-report.xml');
  mkdirSync(join(root, 'dist'), { recursive: true });
  rmSync(report, { force: true });
  const id = randomUUID();
  const args = ['-m', 'pytest', '--quiet', '-rs', `--junitxml=${report}`, ...files];
  const env = marked(process.env, id);
  const { code, output } = await run(DEBIAN_PYTHON, args, { cwd: join(root, FOLDER), env, quiet: true });
  const strays = (await endStrays(id, 5_000)).map((stray) => `left running by the tests: ${stray}`);
  const tally = add(pytestTallyOf(readText(report), code), strays.length > 0 ? FAILED : PASSED);
  return { tally, output: [output.trimEnd(), ...strays].join('\n') };
}
