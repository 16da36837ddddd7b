import { execa, ExecaError } from 'execa';
import { AvatarError } from '#base/errors.ts';

/** What one child may use: address space (KiB), processor time (s), and in all so long (ms). */
const LIMITS = { memory: 1_500_000, cpu: 60, wall: 120_000 };
/** Bytes a child may answer with, where its answer is kept whole. */
const MAX_ANSWER = 32 * 2 ** 20;

/** Runs in a shell of its own: the limits hold for what it becomes. One thread and low priority, since stages are on air beside it. */
const SHELL = `ulimit -v ${LIMITS.memory}; ulimit -t ${LIMITS.cpu}; ulimit -c 0; exec nice -n 10 "$@"`;

/**
 * One of FFmpeg's programs on a file that a stranger has sent, in a process of its own: what it does to it ends that process and no other.
 * It reads that file only, as the type it is known to be, and no larger picture than is allowed.
 */
export interface Look {
  readonly path: string;
  /** FFmpeg's name of the container. */
  readonly format: string;
  readonly maxPixels: number;
}

export const inputOf = ({ path, format, maxPixels }: Look): string[] => [
  ...['-v', 'error', '-threads', '1', '-max_pixels', String(maxPixels)],
  ...['-protocol_whitelist', 'file', '-f', format, '-i', `file:${path}`],
];

/** Its whole answer, and what it complained about. Rejects with `bad_request` when it can't read the file, `internal` when there is no such program. */
export async function ask(
  program: 'ffmpeg' | 'ffprobe',
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly answer: Uint8Array; readonly complaints: string }> {
  try {
    const { stdout, stderr } = await spawn(program, args, signal, { maxBuffer: MAX_ANSWER });
    return { answer: stdout ?? new Uint8Array(), complaints: textOf(stderr) };
  } catch (error) {
    throw translated(error, signal);
  }
}

/** Its answer while it comes; the child ends when the reader stops. Rejects as `ask` does. */
export async function* stream(args: readonly string[], signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const left = new AbortController();
  const child = spawn('ffmpeg', args, AbortSignal.any([signal, left.signal]), { buffer: { stdout: false } });
  // Awaited below, unless the reader has stopped: then how it ends is of no interest.
  child.catch(() => undefined);
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    await child;
  } catch (error) {
    throw translated(error, signal);
  } finally {
    left.abort();
  }
}

function spawn(
  program: string,
  args: readonly string[],
  cancelSignal: AbortSignal,
  how: { maxBuffer?: number; buffer?: { stdout: false } },
) {
  return execa('sh', ['-c', SHELL, 'sh', program, ...args], {
    stdin: 'ignore',
    encoding: 'buffer',
    timeout: LIMITS.wall,
    cancelSignal,
    killSignal: 'SIGKILL',
    ...how,
  });
}

function translated(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (!(error instanceof ExecaError)) return error;
  if (error.exitCode === 127)
    return new AvatarError('internal', 'Reading an upload needs ffmpeg and ffprobe (Debian: apt install ffmpeg).', {
      cause: error,
    });
  if (/No space left on device/.test(textOf(error.stderr)))
    return new AvatarError('storage_failed', "The file can't be kept: the disk is full.", {
      cause: error,
      details: { kind: 'full' },
    });
  const large = tooLarge(textOf(error.stderr));
  if (large) return large;
  const limited =
    error.timedOut ||
    error.signal === 'SIGXCPU' ||
    error.signal === 'SIGKILL' ||
    error.exitCode === 137 ||
    error.exitCode === 152;
  const why = limited ? 'takes too long to be decoded' : "can't be decoded: it is damaged, or not what it seems";
  return new AvatarError('bad_request', `The file ${why}.`, { cause: error });
}

/** What a decoder says of a picture that has more pixels than it may have, before it makes room for them. */
export function tooLarge(complaints: string): AvatarError | undefined {
  const size = /Picture size (\d+x\d+) is invalid/.exec(complaints)?.[1];
  return size === undefined
    ? undefined
    : new AvatarError('bad_request', `Its picture of ${size.replace('x', '×')} px is too large.`);
}

const textOf = (bytes: unknown): string => (bytes instanceof Uint8Array ? Buffer.from(bytes).toString() : String(bytes));
