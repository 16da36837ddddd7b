// Lints the Python of gpu-render/ by ruff and compares its format; `--write` formats instead. Options are pyproject.toml's.
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, matchesGlob } from 'node:path';
import { PositionEncoding, Workspace } from '@astral-sh/ruff-wasm-nodejs';
import { z } from 'zod';
import { DEBIAN_PYTHON } from './setup/debian.mjs';
import { run } from './setup/run.mjs';

const Findings = z.array(
  z.object({
    code: z.string().nullable(),
    message: z.string(),
    start_location: z.object({ row: z.number(), column: z.number() }),
  }),
);

/** What ruff itself does with a path; its WebAssembly is given none. */
const Options = z.object({ lint: z.object({ 'per-file-ignores': z.record(z.string(), z.array(z.string())).default({}) }) });

const READ_OPTIONS = `import json, tomllib; print(json.dumps(tomllib.load(open("pyproject.toml", "rb"))["tool"]["ruff"]))`;

async function main(root: string, write: boolean): Promise<number> {
  const { code, output } = await run(DEBIAN_PYTHON, ['-c', READ_OPTIONS], { cwd: root, quiet: true });
  if (code !== 0) throw new Error(`pyproject.toml can't be read:\n${output}`);
  const options: unknown = JSON.parse(output);
  const ignores = Object.entries(Options.parse(options).lint['per-file-ignores']);
  const ruff = new Workspace(options, PositionEncoding.Utf16);
  const files = globSync('**/*.py', { cwd: root }).sort();
  let found = 0;
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const { code: rule, message, start_location: at } of Findings.parse(ruff.check(text))) {
      if (ignores.some(([glob, rules]) => matchesGlob(`/${file}`, `/**/${glob}`) && rules.includes(rule ?? ''))) continue;
      found += 1;
      console.error(`gpu-render/${file}:${String(at.row)}:${String(at.column)} ${rule ?? 'syntax'} ${message}`);
    }
    const formatted = ruff.format(text);
    if (formatted === text) continue;
    if (write) writeFileSync(join(root, file), formatted);
    else {
      found += 1;
      console.error(`gpu-render/${file} is not formatted; node scripts/lint-python.ts --write does it`);
    }
  }
  console.log(`${String(files.length)} files, ${String(found)} findings`);
  return found;
}

const found = await main(join(dirname(import.meta.dirname), 'gpu-render'), process.argv.includes('--write'));
process.exitCode = found > 0 ? 1 : 0;
