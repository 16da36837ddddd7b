import { existsSync } from 'node:fs';
import { onPath } from './node.mjs';
import { SetupError, run, say } from './run.mjs';

/**
 * A Debian package and how to see that what we want of it is there, whoever installed it.
 * @typedef {{ name: string, command?: string, file?: string }} DebianPackage
 */

/** The one whose packages Debian brings; another may come first on PATH. */
export const DEBIAN_PYTHON = '/usr/bin/python3';
const PYTHON_PACKAGES = '/usr/lib/python3/dist-packages';

/** @type {DebianPackage[]} */
export const FOR_SERVER = [{ name: 'ffmpeg', command: 'ffmpeg' }];

/** What the embedded recogniser knows of English. Without it the server starts, and hears nobody unless another recogniser is configured. @type {DebianPackage[]} */
export const FOR_LISTENING = [{ name: 'pocketsphinx-en-us', file: '/usr/share/pocketsphinx/model/en-us/en-us/mdef' }];

/** @type {DebianPackage[]} */
const FOR_PYTHON_TESTS = [
  { name: 'python3', file: DEBIAN_PYTHON },
  { name: 'mypy', file: `${PYTHON_PACKAGES}/mypy/__init__.py` },
  { name: 'python3-av', file: `${PYTHON_PACKAGES}/av/__init__.py` },
  { name: 'python3-jsonschema', file: `${PYTHON_PACKAGES}/jsonschema/__init__.py` },
  { name: 'python3-numpy', file: `${PYTHON_PACKAGES}/numpy/__init__.py` },
  { name: 'python3-pil', file: `${PYTHON_PACKAGES}/PIL/__init__.py` },
  { name: 'python3-prometheus-client', file: `${PYTHON_PACKAGES}/prometheus_client/__init__.py` },
  { name: 'python3-pytest', file: `${PYTHON_PACKAGES}/pytest/__init__.py` },
  { name: 'python3-redis', file: `${PYTHON_PACKAGES}/redis/__init__.py` },
  { name: 'python3-websockets', file: `${PYTHON_PACKAGES}/websockets/__init__.py` },
];

/** @type {DebianPackage[]} */
export const FOR_TESTS = [
  ...FOR_PYTHON_TESTS,
  ...FOR_LISTENING,
  { name: 'chromium', command: 'chromium' },
  { name: 'fonts-dejavu-core', file: '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf' },
  { name: 'openssl', command: 'openssl' },
  { name: 'redis-server', command: 'redis-server' },
];

/** @type {DebianPackage[]} */
export const FOR_WORKER_BUILD = [
  { name: 'g++', command: 'g++' },
  { name: 'meson', command: 'meson' },
  { name: 'ninja-build', command: 'ninja' },
  { name: 'pkg-config', command: 'pkg-config' },
  { name: 'flatbuffers-compiler', command: 'flatc' },
  { name: 'libssl-dev', file: '/usr/include/openssl/ssl.h' },
  { name: 'libuv1-dev', file: '/usr/include/uv.h' },
  { name: 'libsrtp2-dev', file: '/usr/include/srtp2/srtp.h' },
  { name: 'libflatbuffers-dev', file: '/usr/include/flatbuffers/flatbuffers.h' },
  { name: 'libabsl-dev', file: '/usr/include/absl/container/flat_hash_map.h' },
];

/** @param {readonly DebianPackage[]} wanted @param {NodeJS.ProcessEnv} [env] */
export function missingOf(wanted, env = process.env) {
  return wanted.filter(({ command, file }) =>
    command !== undefined ? onPath(command, env).length === 0 : !existsSync(/** @type {string} */ (file)),
  );
}

/** The one command that brings them. @param {readonly DebianPackage[]} missing */
export function installCommand(missing) {
  const names = missing.map(({ name }) => name).join(' ');
  return `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${names}`;
}

let updated = false;

/** Installs what is missing, as root or with a sudo that asks nothing. @param {readonly DebianPackage[]} wanted */
export async function installDebianPackages(wanted) {
  const missing = missingOf(wanted);
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name);
  const advice = `Run this and try again:\n  ${installCommand(missing)}`;
  if (onPath('apt-get').length === 0) {
    throw new SetupError(
      `Missing: ${names.join(', ')} (Debian's names). There is no apt-get here: install them your system's way.`,
    );
  }
  const root = await becomeRoot();
  if (!root) throw new SetupError(`Missing: ${names.join(', ')}. ${advice}`);

  say(`installing Debian packages: ${names.join(' ')}`);
  const apt = (/** @type {string[]} */ ...args) => {
    const [command = 'apt-get', ...rest] = [...root, 'apt-get', '-q', '-o', 'DPkg::Lock::Timeout=120', ...args];
    return run(command, rest, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  };
  if (!updated) updated = (await apt('update')).code === 0;
  const { code } = await apt('install', '-y', '--no-install-recommends', ...names);
  if (code !== 0 || missingOf(missing).length > 0)
    throw new SetupError(`apt-get could not install ${names.join(', ')}; its message is above. ${advice}`);
}

/** What to put before apt-get; nothing when we may not be root. */
async function becomeRoot() {
  if (process.getuid?.() === 0) return [];
  const { code } = await run('sudo', ['-n', 'true'], { quiet: true });
  return code === 0 ? ['sudo', '-n', 'DEBIAN_FRONTEND=noninteractive'] : undefined;
}
