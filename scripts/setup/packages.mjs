import { join } from 'node:path';
import { readText } from './cache.mjs';
import { npmCli, withNode } from './node.mjs';
import { SetupError, run, say } from './run.mjs';

/**
 * @typedef {{ version?: string, optional?: boolean, peer?: boolean, link?: boolean }} LockedPackage
 * @typedef {{ packages?: Record<string, LockedPackage> }} Lockfile
 */

/** Installs what package-lock.json names, unless npm's own record says that it is there. @param {string} root @param {string} node */
export async function installPackages(root, node) {
  if (isInstalled(root)) return;
  say('installing the npm packages (npm ci --ignore-scripts), about a minute without a word');
  const { code } = await run(node, [npmCli(), 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: root,
    env: withNode(node),
  });
  if (code !== 0) {
    throw new SetupError(
      `npm ci failed (exit ${code}); its message is above. Is npm's registry reachable, and package-lock.json as it was committed?`,
    );
  }
}

/** npm writes node_modules/.package-lock.json last, so a record that agrees is also a complete installation. @param {string} root */
export function isInstalled(root) {
  const record = readText(join(root, 'node_modules', '.package-lock.json'));
  const wanted = readText(join(root, 'package-lock.json'));
  if (!record || !wanted) return false;
  try {
    return agrees(JSON.parse(wanted), JSON.parse(record));
  } catch {
    return false;
  }
}

/** Whether every package that must be there is there in the locked version. @param {Lockfile} wanted @param {Lockfile} record */
export function agrees(wanted, record) {
  return Object.entries(wanted.packages ?? {}).every(
    ([path, locked]) => path === '' || locked.optional || record.packages?.[path]?.version === locked.version,
  );
}
