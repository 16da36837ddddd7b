import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './run.mjs';

/** Where set-up keeps what it brought, outside the checkout and shared by all checkouts. @param {NodeJS.ProcessEnv} [env] */
export function cacheDir(env = process.env) {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'infinitetalk-rtc');
}

/** A new folder on the cache's file system, so that what is made in it can be renamed into place. @param {string} name */
export function stagingDir(name) {
  mkdirSync(cacheDir(), { recursive: true });
  return mkdtempSync(join(cacheDir(), `.${name}-`));
}

/** @param {string | Buffer} content */
export const sha256 = (content) => createHash('sha256').update(content).digest('hex');

/** The file's text, or nothing when it can't be read. @param {string} path */
export function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Runs `work` while no other set-up on this machine does the same; a lock whose owner is gone is taken over.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 */
export async function withLock(name, work) {
  mkdirSync(cacheDir(), { recursive: true });
  const path = join(cacheDir(), `${name}.lock`);
  let told = false;
  while (!take(path)) {
    const owner = readText(path);
    if (owner === undefined) continue;
    if (!told) say(`waiting for another set-up (process ${owner}) to finish ${name}`);
    told = true;
    await sleep(300);
  }
  const release = () => rmSync(path, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

/** @param {string} path */
function take(path) {
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    // link, not open: the lock appears with its owner's number already in it.
    linkSync(mine, path);
    return true;
  } catch {
    const owner = readText(path);
    if (owner !== undefined && !isAlive(Number(owner))) rmSync(path, { force: true });
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}

/** @param {number} pid */
export function isAlive(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
