import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BROUGHT_VERSION, runsTypeScript } from '../setup/node.mjs';
import { FOR_LISTENING, FOR_TESTS, installCommand, missingOf } from '../setup/debian.mjs';
import { isInstalled } from '../setup/packages.mjs';
import { isPageBuilt } from '../setup/page.mjs';
import { run } from '../setup/run.mjs';
import { isProven, workerPath } from '../setup/worker.mjs';
import { absent, missing, ok, type Finding } from './findings.ts';

export function node(): Finding {
  return runsTypeScript(process.version)
    ? ok('node', `${process.version} (${process.execPath})`)
    : missing('node', `${process.version} can't run TypeScript`, `npm start brings Node ${BROUGHT_VERSION}`);
}

export function packages(root: string): Finding {
  return isInstalled(root)
    ? ok('npm packages', 'as package-lock.json names them')
    : missing('npm packages', 'not as package-lock.json names them', 'npm start installs them (npm ci --ignore-scripts)');
}

/** ffmpeg, and the parts of it that speak and listen. */
export async function ffmpeg(): Promise<Finding[]> {
  const version = await run('ffmpeg', ['-hide_banner', '-version'], { quiet: true });
  const fix = installCommand([{ name: 'ffmpeg' }]);
  if (version.code !== 0) return [missing('ffmpeg', 'not on PATH', fix)];
  const { output } = await run('ffmpeg', ['-hide_banner', '-filters'], { quiet: true });
  const { output: encoders } = await run('ffmpeg', ['-hide_banner', '-encoders'], { quiet: true });
  const has = (list: string, name: string): boolean => list.split('\n').some((line) => line.trim().split(/\s+/)[1] === name);
  const other = "this ffmpeg was built without it; Debian's has it: put that one first on PATH";
  return [
    ok('ffmpeg', /version (\S+)/.exec(version.output)?.[1] ?? 'of unknown version'),
    has(output, 'flite') ? ok('ffmpeg flite', 'the embedded voice') : missing('ffmpeg flite', 'the embedded voice', other),
    has(encoders, 'aac') ? ok('ffmpeg aac', 'sound for HLS') : missing('ffmpeg aac', 'sound for HLS', other),
    has(output, 'asr') ? ok('ffmpeg asr', 'the embedded recogniser') : absent('ffmpeg asr', 'the embedded recogniser', other),
    ...FOR_LISTENING.map((debianPackage) =>
      missingOf([debianPackage]).length === 0
        ? ok(debianPackage.name, 'what the embedded recogniser knows of English')
        : absent(debianPackage.name, 'what the embedded recogniser knows of English', installCommand([debianPackage])),
    ),
  ];
}

export function worker(root: string): Finding {
  const path = process.env['MEDIASOUP_WORKER_BIN'] || workerPath(root);
  if (isProven(path)) return ok('mediasoup worker', `proven by a DTLS handshake with media (${path})`);
  const detail = existsSync(path) ? `not proven on this machine (${path})` : `not there (${path})`;
  return missing('mediasoup worker', detail, 'npm start fetches or builds it and proves it');
}

export function page(root: string): Finding {
  return isPageBuilt(root)
    ? ok('page', join('dist', 'client'))
    : absent('page', 'not built, or its sources changed since', 'npm start builds it');
}

export function forTests(): Finding[] {
  return FOR_TESTS.filter((debianPackage) => !FOR_LISTENING.includes(debianPackage)).map((debianPackage) =>
    missingOf([debianPackage]).length === 0
      ? ok(debianPackage.name, 'for the tests')
      : absent(debianPackage.name, 'only the tests need it', installCommand([debianPackage])),
  );
}
