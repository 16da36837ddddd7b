import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { AvatarError } from '#base/errors.ts';
import type { Lifetime } from '#base/lifetime.ts';
import { Queue } from '#base/queue.ts';
import { samplesOf } from './samples.ts';

/** Pieces (of 1 to 64 KiB) that ffmpeg may be ahead of its reader: most clauses whole. */
const PIECES_AHEAD = 64;

interface Ffmpeg {
  /** A name on the path, or an absolute path. */
  readonly ffmpeg: string;
  readonly voice: string;
  /** Hz; ffmpeg resamples to it. */
  readonly rate: number;
  /** Where the text may be put; an existing folder. */
  readonly folder: string;
}

/**
 * Has one ffmpeg say `text` (printable ASCII), at once, ahead of whoever reads the samples; it and its output end with `life`.
 * The text travels in a file named relative to ffmpeg's folder, so that nothing needs escaping.
 * @throws AvatarError `provider_failed`, to the reader.
 */
export function pronounce(
  text: string,
  name: string,
  { ffmpeg, voice, rate, folder }: Ffmpeg,
  life: Lifetime,
): AsyncIterable<Int16Array> {
  const sound = new Queue<Int16Array>(PIECES_AHEAD);
  const run = async (): Promise<void> => {
    await writeFile(join(folder, name), text);
    const input = ['-f', 'lavfi', '-i', `flite=textfile=${name}:voice=${voice}`];
    const output = ['-f', 's16le', '-ac', '1', '-ar', String(rate), 'pipe:1'];
    const child = execa(ffmpeg, ['-v', 'error', '-nostdin', ...input, ...output], {
      cwd: folder,
      stdin: 'ignore',
      buffer: { stdout: false },
      cancelSignal: life.signal,
      killSignal: 'SIGKILL',
    });
    const read = fill(sound, child.stdout);
    // It fails when the child does, and the child says why.
    read.catch(() => undefined);
    await child;
    await read;
  };
  const running = run().then(
    () => sound.end(),
    (error: unknown) => sound.fail(failure(error)),
  );
  life.defer(() => {
    sound.clear();
    return running;
  });
  return sound;
}

async function fill(sound: Queue<Int16Array>, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const samples of samplesOf(bytes)) if (!(await sound.push(samples))) return;
}

function failure(cause: unknown): AvatarError {
  const message = "ffmpeg's flite voice could not speak: install ffmpeg with libflite (Debian: apt install ffmpeg).";
  return new AvatarError('provider_failed', message, { cause });
}
