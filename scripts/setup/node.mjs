import { existsSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { cacheDir, stagingDir, withLock } from './cache.mjs';
import { SetupError, run, say } from './run.mjs';

export const BROUGHT_VERSION = '24.21.0';

/** Whether this Node runs TypeScript unbuilt without a flag. @param {string} version such as `v22.18.0` */
export function runsTypeScript(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  if (major === 22) return minor >= 18;
  if (major === 23) return minor >= 6;
  return major > 23;
}

/** The Node that runs everything: this one if it is new enough, else a brought one. @returns {Promise<string>} its path */
export async function provideNode() {
  if (runsTypeScript(process.version)) return process.execPath;
  const home = join(cacheDir(), `node-${BROUGHT_VERSION}`);
  const node = join(home, 'bin', 'node');
  if (!existsSync(node)) await withLock(`node-${BROUGHT_VERSION}`, () => bring(home, node));
  return node;
}

/** @param {string} home @param {string} node */
async function bring(home, node) {
  if (existsSync(node)) return;
  const name = `node-${process.platform}-${process.arch}`;
  say(`this is Node ${process.version}; bringing Node ${BROUGHT_VERSION} (npm package ${name})`);
  const staging = stagingDir('node');
  try {
    const install = [
      'install',
      '--prefix',
      staging,
      '--ignore-scripts',
      '--no-save',
      '--no-package-lock',
      '--no-audit',
      '--no-fund',
    ];
    const { code, output } = await run(process.execPath, [npmCli(), ...install, `${name}@${BROUGHT_VERSION}`], {
      quiet: true,
      cwd: staging,
    });
    const brought = join(staging, 'node_modules', name);
    const check = code === 0 ? await run(join(brought, 'bin', 'node'), ['--version'], { quiet: true }) : { output };
    if (check.output.trim() !== `v${BROUGHT_VERSION}`) {
      throw new SetupError(
        `Node ${BROUGHT_VERSION} could not be brought: ${check.output.trim()}\nIs npm's registry reachable? Otherwise install Node 22.18 or newer and try again.`,
      );
    }
    rmSync(home, { recursive: true, force: true });
    renameSync(brought, home);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** npm's own program, to be run by a Node of our choice. @param {NodeJS.ProcessEnv} [env] */
export function npmCli(env = process.env) {
  const given = env['npm_execpath'] ?? '';
  const beside = join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js');
  const found = [given, beside, ...onPath('npm', env).map((file) => realpathSync(file))].find(
    (file) => file.endsWith('npm-cli.js') && existsSync(file),
  );
  if (!found) throw new SetupError('npm is missing: install it (Debian: apt-get install npm) and try again.');
  return found;
}

/** Every file of that name on PATH. @param {string} command @param {NodeJS.ProcessEnv} [env] */
export function onPath(command, env = process.env) {
  const folders = (env['PATH'] ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, command)).filter((file) => existsSync(file));
}

/** The environment in which `node` means that Node. @param {string} node @param {NodeJS.ProcessEnv} [env] */
export function withNode(node, env = process.env) {
  return { ...env, PATH: [dirname(node), env['PATH']].filter(Boolean).join(delimiter) };
}

/** @param {string} path @returns {Record<string, any>} */
export const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
