import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { AvatarError } from '#base/errors.ts';
import { samplesOf } from './samples.ts';

/** Nothing is held back to find out what comes: that is known. */
const AT_ONCE = ['-fflags', 'nobuffer', '-flags', 'low_delay', '-probesize', '32', '-analyzeduration', '0'];

/**
 * MP3 decoded by an ffmpeg of its own, mono, as it comes. What came before an error of `bytes` is decoded first. Ends with `signal`.
 * @param rate Hz, resampled to
 */
export async function* decodedMp3(
  bytes: AsyncIterable<Uint8Array>,
  rate: number,
  signal: AbortSignal,
): AsyncGenerator<Int16Array, void, undefined> {
  const args = ['-v', 'error', ...AT_ONCE, '-f', 'mp3', '-i', 'pipe:0', '-f', 's16le', '-ac', '1', '-ar', String(rate), 'pipe:1'];
  const left = new AbortController();
  const child = execa('ffmpeg', args, {
    buffer: { stdout: false },
    cancelSignal: AbortSignal.any([signal, left.signal]),
    killSignal: 'SIGKILL',
    reject: false,
  });
  let broken: { readonly error: unknown } | undefined;
  const feeding = pipeline(Readable.from(kept(bytes, (error) => (broken = { error }))), child.stdin).catch(() => undefined);
  try {
    yield* samplesOf(child.stdout);
    const { failed } = await child;
    if (!failed) await feeding;
    if (broken) throw broken.error;
    if (failed && !signal.aborted) throw new AvatarError('provider_failed', 'ffmpeg could not decode MP3: is it installed?');
  } finally {
    left.abort();
    await child;
  }
}

/** Ends where `items` fail, so that what came is used; the error is told apart. */
async function* kept<T>(items: AsyncIterable<T>, failed: (error: unknown) => void): AsyncGenerator<T, void, undefined> {
  try {
    yield* items;
  } catch (error) {
    failed(error);
  }
}
