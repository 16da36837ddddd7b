import { access, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AvatarError } from '#base/errors.ts';
import { aborted } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { Renderer } from '#server/render/renderer.ts';
import { develop, REFERENCE } from './darkroom/darkroom.ts';
import { cannotShow, type Progress } from './entry.ts';
import type { Face } from './face.ts';
import type { IdleLoops } from './idle-loops.ts';
import { keepPrompt, USUAL_PROMPT } from './likeness.ts';
import { FILE_TYPES, HEAD, shownBy, typeOf, TYPE_NAMES, type FileType } from './kinds.ts';

/** The upload as it came, until it has been read. */
export const UPLOAD = 'upload';

/** About where each step begins and ends. */
const SHARES = { reading: [0, 0.1], idle: [0.1, 0.8], greeting: [0.8, 1] } as const;
/** Pictures of a usual idle loop; a longer one seems to slow down. */
const USUAL_LOOP = 150;

/** What shows a face: a renderer with its idle loops. */
export interface Engine {
  readonly renderer: Renderer;
  readonly idleLoops: IdleLoops;
}

export interface BuildOptions {
  /** The server's renderer by name. */
  readonly renderer: string;
  readonly engineOf: (face: Face) => Engine;
  /** Whether one face is seen in a reference picture; rejects with `bad_request` when there are several. */
  readonly hasOneFace: (path: string, signal: AbortSignal) => Promise<boolean>;
  /** Makes the greeting ahead. */
  readonly greet: (face: Face, signal: AbortSignal) => Promise<void>;
  readonly log: Log;
}

/**
 * Makes all that sessions with this face need, in its folder. What is there from an earlier try is taken as it is. Rejects with `bad_request`
 * when it will never work, and with anything else when it may work another time.
 */
export async function build(
  face: Face & { readonly folder: string },
  { renderer, engineOf, hasOneFace, greet, log }: BuildOptions,
  signal: AbortSignal,
  tell: (at: Progress) => void,
): Promise<{ readonly faceless?: boolean }> {
  const at = (step: Progress['step'], share: number): void => {
    const [from, to] = SHARES[step];
    tell({ step, progress: from + share * (to - from) });
  };
  at('reading', 0);
  const seen = await read(face, hasOneFace, signal);
  if (shownBy(face.kind, renderer) === 'none')
    throw new AvatarError('bad_request', cannotShow(face.kind), { details: { failedBy: renderer } });
  at('idle', 0);
  const drawn = (frames: number): void => at('idle', frames / (frames + USUAL_LOOP));
  // A renderer that hangs doesn't hear that it isn't wanted any more.
  await Promise.race([engineOf(face).idleLoops.get(face.key, { signal, drawn }), aborted(signal)]);
  signal.throwIfAborted();
  if (face.greeting === undefined) return seen;
  at('greeting', 0);
  try {
    await greet(face, signal);
  } catch (error) {
    // A voice that isn't there now makes it at its first use; one that doesn't exist never will.
    if (signal.aborted || (error instanceof AvatarError && error.code === 'bad_request')) throw error;
    log.warn({ err: error, avatar: face.id }, 'a greeting could not be made ahead');
  }
  return seen;
}

/** The type of an upload; throws `unsupported_media_type` when it isn't of the kind that it was sent as. */
export async function checkType(path: string, kind: 'image' | 'clip'): Promise<FileType> {
  const type = typeOf(await headOf(path));
  if (type !== undefined && FILE_TYPES[type] === kind) return type;
  const is = type === undefined ? 'is something else' : `is ${FILE_TYPES[type] === 'clip' ? 'a clip' : 'an image'} (${type})`;
  throw new AvatarError(
    'unsupported_media_type',
    `\`${kind}\` must be a file of type ${TYPE_NAMES[kind]}, by its content; this ${is}.`,
  );
}

/** The upload is thrown away once what is kept of it has been made. */
async function read(
  { folder, prompt }: { readonly folder: string; readonly prompt: string | undefined },
  hasOneFace: BuildOptions['hasOneFace'],
  signal: AbortSignal,
): Promise<{ readonly faceless?: boolean }> {
  const path = join(folder, UPLOAD);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    if ((await readdir(folder).catch(() => [])).length > 0) return {};
    throw new AvatarError('bad_request', 'Its files are gone from the disk; send it again.');
  }
  const type = typeOf(await headOf(path));
  if (type === undefined) throw new AvatarError('bad_request', 'The upload on the disk is damaged; send it again.');
  await develop(path, type, folder, signal);
  const faceless = !(await hasOneFace(join(folder, REFERENCE), signal));
  await keepPrompt(folder, prompt ?? USUAL_PROMPT);
  await rm(path);
  return { faceless };
}

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(HEAD), 0, HEAD, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
