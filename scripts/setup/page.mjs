import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readText, sha256 } from './cache.mjs';
import { withNode } from './node.mjs';
import { SetupError, run, say } from './run.mjs';

const SOURCES = ['client', 'protocol', 'vite.config.ts', 'package-lock.json', 'tsconfig.json'];

const stampPath = (/** @type {string} */ root) => join(root, 'dist', 'client.stamp');

/** Whether dist/client was made from the sources as they are now. @param {string} root */
export function isPageBuilt(root) {
  return existsSync(join(root, 'dist', 'client', 'index.html')) && readText(stampPath(root)) === hashOfSources(root);
}

/** Builds the page into dist/client when its sources changed. @param {string} root @param {string} node */
export async function buildPage(root, node) {
  if (isPageBuilt(root)) return;
  say('building the page');
  const hash = hashOfSources(root);
  rmSync(stampPath(root), { force: true });
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  const { code, output } = await run(node, [vite, 'build', '--logLevel', 'warn'], {
    cwd: root,
    env: withNode(node),
    quiet: true,
  });
  if (code !== 0) throw new SetupError(`The page can't be built (vite build, exit ${code}):\n${output.trim()}`);
  writeFileSync(stampPath(root), hash);
}

/** By content, so that a fresh clone or a touched file builds nothing anew. @param {string} root */
function hashOfSources(root) {
  const files = SOURCES.flatMap((name) => filesUnder(join(root, name))).filter((file) => !/\.test\.tsx?$/.test(file));
  return sha256(files.map((file) => `${relative(root, file)} ${sha256(readFileSync(file))}\n`).join(''));
}

/** @param {string} path @returns {string[]} */
function filesUnder(path) {
  if (!existsSync(path)) return [];
  let entries;
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    return [path];
  }
  return entries.flatMap((entry) => filesUnder(join(path, entry.name))).sort();
}
