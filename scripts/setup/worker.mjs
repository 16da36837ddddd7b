import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildWorker, lastLines } from '../mediasoup-worker/build.mjs';
import { cacheDir, readText, sha256, stagingDir, withLock } from './cache.mjs';
import { FOR_WORKER_BUILD, installDebianPackages } from './debian.mjs';
import { readJson, withNode } from './node.mjs';
import { SetupError, run, say } from './run.mjs';

/** Where this checkout's worker lies once it is there. @param {string} root */
export function workerPath(root) {
  const { version } = readJson(join(root, 'node_modules', 'mediasoup', 'package.json'));
  return join(cacheDir(), `mediasoup-worker-${version}-${process.platform}-${process.arch}`, 'mediasoup-worker');
}

/**
 * A mediasoup worker that has carried media through DTLS on this machine: the one named by MEDIASOUP_WORKER_BIN, the cached one,
 * the prebuilt one, or one built here.
 * @param {string} root
 * @param {string} node
 * @returns {Promise<string>}
 */
export async function provideWorker(root, node) {
  const given = process.env['MEDIASOUP_WORKER_BIN'];
  if (given) {
    if (!existsSync(given)) throw new SetupError(`MEDIASOUP_WORKER_BIN names ${given}, which does not exist.`);
    const problem = await prove(root, node, given);
    if (problem) throw new SetupError(`The worker named by MEDIASOUP_WORKER_BIN (${given}) carries no media: ${problem}`);
    return given;
  }
  const path = workerPath(root);
  if (isProven(path)) return path;
  await withLock('mediasoup-worker', () => publishWorker(root, node, path));
  return path;
}

/** Tries the sources in turn; only what was proven is put where others find it. @param {string} root @param {string} node @param {string} path */
async function publishWorker(root, node, path) {
  let problem = '';
  for (const source of [cached, prebuilt, built]) {
    const staging = stagingDir('worker');
    try {
      const binary = await source({ root, node, path, staging });
      if (!binary) continue;
      problem = (await prove(root, node, binary)) ?? '';
      if (!problem) return publish(binary, path);
      say(`the ${source.name} worker carries no media: ${problem}`);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  }
  throw new SetupError(`No mediasoup worker works here: ${problem}\nIf you have one that does, name it in MEDIASOUP_WORKER_BIN.`);
}

/** @typedef {{ root: string, node: string, path: string, staging: string }} Source */

/** @param {Source} source @returns {string | undefined} */
function cached({ path }) {
  return existsSync(path) ? path : undefined;
}

/** mediasoup's own download. @param {Source} source @returns {Promise<string | undefined>} */
async function prebuilt({ root, node, staging }) {
  say("fetching mediasoup's prebuilt worker");
  const mediasoup = join(root, 'node_modules', 'mediasoup');
  // Its script falls back to a build that needs the network too; a python that fails ends it there.
  const env = { ...withNode(node), PYTHON: 'false', MEDIASOUP_WORKER_BIN: '' };
  const { code, output } = await run(node, ['npm-scripts.mjs', 'postinstall'], {
    cwd: mediasoup,
    env,
    quiet: true,
    timeoutMs: 30_000,
  });
  const fetched = join(mediasoup, 'worker', 'out', 'Release', 'mediasoup-worker');
  if (code !== 0 || !existsSync(fetched)) {
    const reason = code === 124 ? 'no answer within 30 s' : (/prebuilt binary:? (.*)/.exec(output)?.[1] ?? lastLines(output, 1));
    say(`no prebuilt worker (${reason}): building it from source`);
    return undefined;
  }
  const binary = join(staging, 'mediasoup-worker');
  copyFileSync(fetched, binary);
  chmodSync(binary, 0o755);
  return binary;
}

/** @param {Source} source */
async function built({ root, staging }) {
  await installDebianPackages(FOR_WORKER_BUILD);
  return buildWorker(join(root, 'node_modules', 'mediasoup'), staging);
}

/** @param {string} binary @param {string} path */
function publish(binary, path) {
  if (binary === path) return;
  mkdirSync(dirname(path), { recursive: true });
  // The object files may lie on the same file system or not: copy beside the target, then rename.
  const beside = `${path}.${process.pid}`;
  copyFileSync(binary, beside);
  renameSync(beside, path);
}

const proofPath = (/** @type {string} */ hash) => join(cacheDir(), 'proven', hash);

/** Whether exactly this binary has passed before. @param {string} binary */
export function isProven(binary) {
  return existsSync(binary) && readText(proofPath(sha256(readFileSync(binary)))) !== undefined;
}

/** Sends sound through a real DTLS connection of this worker, unless that was done before. @param {string} root @param {string} node @param {string} binary @returns {Promise<string | undefined>} what is wrong */
async function prove(root, node, binary) {
  if (isProven(binary)) return undefined;
  say('proving the mediasoup worker: sound through a real DTLS connection');
  const env = { ...withNode(node), MEDIASOUP_WORKER_BIN: binary };
  const { code, output } = await run(node, [join(root, 'scripts', 'prove-worker.ts')], {
    cwd: root,
    env,
    quiet: true,
    timeoutMs: 60_000,
  });
  if (code !== 0) return lastLines(output, 5) || `the proof ended with exit ${code}`;
  mkdirSync(join(cacheDir(), 'proven'), { recursive: true });
  writeFileSync(proofPath(sha256(readFileSync(binary))), `${lastLines(output, 1)}\n`);
  return undefined;
}
