import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError, run, say } from '../setup/run.mjs';

/** What we change in mediasoup's sources; each must be found exactly once. See README.md. */
export const PATCHES = [
  { file: 'meson.build', from: "meson_version: '>= 1.1.0'", to: "meson_version: '>= 1.0.0'" },
  {
    file: 'src/RTC/DtlsTransport.cpp',
    from: '(operationType == BIO_CB_RETURN) ? static_cast<long>(ret) : 1',
    to: '(operationType & BIO_CB_RETURN) != 0 ? static_cast<long>(ret) : 1',
  },
];

/**
 * Builds mediasoup-worker from the sources in mediasoup's npm package against the system's libraries.
 * @param {string} mediasoup the package's folder, read only
 * @param {string} work an empty folder for sources and objects (about 150 MB)
 * @returns {Promise<string>} the binary, inside `work`
 */
export async function buildWorker(mediasoup, work) {
  const source = join(work, 'source');
  const out = join(work, 'out');
  cpSync(join(mediasoup, 'worker'), source, { recursive: true });
  replaceSubprojects(join(source, 'subprojects'));
  for (const patch of PATCHES) applyPatch(source, patch);

  const setup = await run('meson', ['setup', out, source, '--buildtype', 'release', '-Db_ndebug=true'], { quiet: true });
  if (setup.code !== 0) throw new SetupError(`The worker's build can't be configured:\n${lastLines(setup.output, 20)}`);
  say('compiling the mediasoup worker; this takes 4 to 10 minutes, once');
  const { code } = await run('ninja', ['-C', out, 'mediasoup-worker']);
  if (code !== 0) throw new SetupError(`Compiling the mediasoup worker failed (exit ${code}); the compiler's message is above.`);
  return join(out, 'mediasoup-worker');
}

/** Meson's wraps would download: ours, which point at the system's libraries, take their place. @param {string} subprojects */
function replaceSubprojects(subprojects) {
  for (const name of readdirSync(subprojects)) {
    if (name.endsWith('.wrap')) rmSync(join(subprojects, name));
  }
  cpSync(join(dirname(fileURLToPath(import.meta.url)), 'overlay'), subprojects, { recursive: true });
}

/** @param {string} source @param {{ file: string, from: string, to: string }} patch */
export function applyPatch(source, { file, from, to }) {
  const path = join(source, file);
  const pieces = readFileSync(path, 'utf8').split(from);
  if (pieces.length !== 2) {
    throw new SetupError(
      `${file} of this mediasoup version has no single "${from}": PATCHES in scripts/mediasoup-worker/build.mjs must follow it.`,
    );
  }
  writeFileSync(path, pieces.join(to));
}

/** @param {string} text @param {number} count */
export const lastLines = (text, count) => text.trimEnd().split('\n').slice(-count).join('\n');
