import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AvatarError } from '#base/errors.ts';
import { writeWhole } from '#base/files.ts';
import { REFERENCE } from './darkroom/darkroom.ts';
import { homeOf } from './store.ts';

/** What an avatar looks like, for engines that draw from a picture: that picture as a file, its SHA-256, and words. */
export interface Likeness {
  readonly id: string;
  readonly prompt: string;
  readonly hash: string;
  readonly mime: 'image/png';
  readonly image: Uint8Array;
}

/** What engines are told of an avatar that comes without words. */
export const USUAL_PROMPT = 'A person looks into the camera and talks calmly.';

const PROMPT_FILE = 'prompt.txt';

/** Lies beside the reference picture, so that whoever draws it needs nothing but the folder. */
export const keepPrompt = (folder: string, prompt: string): Promise<void> =>
  writeWhole(join(folder, PROMPT_FILE), Buffer.from(prompt));

/**
 * Of an avatar that was made here, by what renderers call it; undefined for one that comes with the server.
 * @param folder of all avatars
 * @throws AvatarError `avatar_not_found` when its files are gone
 */
export async function likenessOf(folder: string, key: string): Promise<Likeness | undefined> {
  const home = homeOf(folder, key);
  if (home === undefined) return undefined;
  try {
    const [image, prompt] = await Promise.all([readFile(join(home, REFERENCE)), readFile(join(home, PROMPT_FILE), 'utf8')]);
    return { id: key, prompt, hash: createHash('sha256').update(image).digest('hex'), mime: 'image/png', image };
  } catch (cause) {
    throw new AvatarError('avatar_not_found', `The picture of the avatar "${key}" is gone.`, { cause });
  }
}
