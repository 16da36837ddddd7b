import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** A disk of its own that can be filled up: a mounted tmpfs, which only root may make. */
export interface SmallDisk {
  readonly path: string;
  /** Leaves no byte. */
  fill(): Promise<void>;
  /** Makes room again. */
  free(): Promise<void>;
  /** Unmounts it. */
  remove(): Promise<void>;
}

/** Undefined where this user may not mount. */
export async function mountSmallDisk(mebibytes: number): Promise<SmallDisk | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'disk-'));
  const { failed } = await execa('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], { reject: false });
  if (failed) {
    await rm(path, { recursive: true });
    return undefined;
  }
  const ballast = join(path, 'ballast');
  return {
    path,
    async fill() {
      // Large pieces first, then single pages, until not one is left.
      for (const bytes of [2 ** 20, 4_096])
        for (let full = false; !full;) {
          full = await writeFile(ballast, Buffer.alloc(bytes), { flag: 'a' }).then(
            () => false,
            () => true,
          );
        }
    },
    free: () => truncate(ballast, 0),
    async remove() {
      await execa('umount', ['-l', path]);
      await rm(path, { recursive: true });
    },
  };
}
