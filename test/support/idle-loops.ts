import { link, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VARIABLE = 'TEST_IDLE_LOOPS';

/**
 * Vitest's set-up: an idle loop that one server of the run has drawn and encoded, which takes it 3 s, is kept for the next ones. Each run
 * begins with none, so that it is made by the code that is tested.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env[VARIABLE] !== undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'idle-loops-'));
  process.env[VARIABLE] = folder;
  return () => rm(folder, { recursive: true, force: true });
}

/** Gives a server that is about to start the loops kept so far. */
export async function lendIdleLoops(dataDir: string): Promise<void> {
  const folder = process.env[VARIABLE];
  if (folder !== undefined) await linkAll(folder, join(dataDir, 'idle'));
}

/** Keeps the loops that a server has made. */
export async function keepIdleLoops(dataDir: string): Promise<void> {
  const folder = process.env[VARIABLE];
  if (folder !== undefined) await linkAll(join(dataDir, 'idle'), folder);
}

/** The server only ever replaces them as a whole, so that a link is as good as a copy. */
async function linkAll(from: string, to: string): Promise<void> {
  const names = await readdir(from).catch(() => []);
  if (names.length > 0) await mkdir(to, { recursive: true });
  const links = names.filter((name) => name.endsWith('.idle')).map((name) => link(join(from, name), join(to, name)));
  await Promise.allSettled(links);
}
