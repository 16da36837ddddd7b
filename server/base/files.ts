import { rename, rm, writeFile } from 'node:fs/promises';
import { AvatarError } from './errors.ts';

/** Puts `bytes` at `path` all at once: whoever looks sees the old file or the new one. Rejects with `storage_failed`. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(`${path}.new`, bytes, { mode: 0o600 });
    await rename(`${path}.new`, path);
  } catch (error) {
    await rm(`${path}.new`, { force: true });
    throw notWritten(error);
  }
}

/** What kept a file from being written, as `storage_failed`; other errors as they are. */
export function notWritten(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const known = code === undefined ? undefined : WHY.get(code);
  if (!known) return error;
  return new AvatarError('storage_failed', `The file can't be kept: ${known[1]}.`, { cause: error, details: { kind: known[0] } });
}

const WHY = new Map<string, readonly [kind: string, text: string]>([
  ['ENOSPC', ['full', 'the disk is full']],
  ['EDQUOT', ['full', 'the disk quota is used up']],
  ['EROFS', ['readonly', 'the disk is read-only']],
  ['EACCES', ['readonly', 'the server may not write there']],
  ['EIO', ['io', 'the disk reports an error']],
]);
