import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** Ends the set-up; the message tells a person what to do. */
export class SetupError extends Error {}

/** Ends the set-up because a signal asked for it. */
export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();

/** @type {NodeJS.Signals | undefined} */
let interruptedBy;
let interruptedAt = 0;

/** One line of progress. @param {string} line */
export const say = (line) => process.stdout.write(`set-up: ${line}\n`);

/** From now on SIGINT, SIGTERM and SIGHUP go to the children first; without children they end this process. */
export function forwardSignals() {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      // npm repeats the signal that the terminal already sent to everyone: once is enough.
      const repeated = interruptedBy === signal && performance.now() - interruptedAt < 1_000;
      if (repeated) return;
      interruptedBy = signal;
      interruptedAt = performance.now();
      if (children.size === 0) process.exit(exitCodeOf(signal));
      if (signal === 'SIGINT' && inForeground()) return;
      for (const child of children) child.kill(signal);
    });
  }
}

/** Ctrl-C reaches every process of the terminal's foreground group by itself; a second one might mean "hurry". */
function inForeground() {
  try {
    return isForeground(readFileSync('/proc/self/stat', 'utf8'));
  } catch {
    return process.stdin.isTTY;
  }
}

/** Whether a `/proc/<pid>/stat` line (proc(5): pgrp is field 5, tpgid field 8) is of the terminal's foreground group. @param {string} stat */
export function isForeground(stat) {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[5]) > 0 && fields[2] === fields[5];
}

/**
 * Runs one step to its end. Its output goes to the terminal, or with `quiet` into `output`.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean, timeoutMs?: number }} [options]
 * @returns {Promise<{ code: number, output: string }>} `code` 127 when the command is not there, 124 when it took longer than `timeoutMs`
 */
export async function run(command, args, { cwd, env = process.env, quiet = false, timeoutMs } = {}) {
  const child = spawn(command, args, { cwd, env, stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'] });
  children.add(child);
  let output = '';
  const collect = (/** @type {Buffer} */ chunk) => void (output += chunk.toString());
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  let late = false;
  const timer =
    timeoutMs &&
    setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      output += error.message;
      resolve(127);
    });
    child.on('close', (exitCode, signal) =>
      resolve(late ? 124 : (exitCode ?? exitCodeOf(/** @type {NodeJS.Signals} */ (signal)))),
    );
  });
  clearTimeout(timer || undefined);
  children.delete(child);
  if (interruptedBy) throw new Interrupted(interruptedBy);
  return { code, output };
}

/**
 * Runs the program that all the set-up was for and ends this process as it ended.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 */
export async function become(command, args, { cwd, env }) {
  const child = spawn(command, args, { cwd, env, stdio: 'inherit' });
  children.add(child);
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (exitCode, signal) => resolve(exitCode ?? exitCodeOf(/** @type {NodeJS.Signals} */ (signal))));
  });
  process.exit(code);
}

const SIGNAL_NUMBERS = /** @type {Record<string, number>} */ ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 });

/** What a shell reports for a process that died of `signal`. @param {NodeJS.Signals} signal */
export const exitCodeOf = (signal) => 128 + (SIGNAL_NUMBERS[signal] ?? 0);
