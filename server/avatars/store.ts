import { join } from 'node:path';
import { z } from 'zod';
import { AvatarFields, AvatarKind } from '#protocol/http.ts';

/** One version of an avatar: what it was asked to be, and how its making goes. Its files lie in a folder of that name. */
export const Version = AvatarFields.extend({
  version: z.string(),
  kind: AvatarKind.exclude(['drawn']),
  /** Times its making was begun. One that ends the server each time is given up. */
  tries: z.number().int(),
  /** No face was known in its picture. */
  faceless: z.boolean().optional(),
  /** Why it can't be made. */
  failure: z.string().optional(),
  /** The renderer that can't show it, where that is why: another one may. */
  failedBy: z.string().optional(),
});
export type Version = z.infer<typeof Version>;

/** An avatar that was made here, as it is kept. */
export const KeptAvatar = z.object({
  id: z.string(),
  /** Unix ms. */
  createdAt: z.number(),
  /** Sessions that have it keep it; nobody else may. */
  deleted: z.boolean(),
  /** The one that serves: all its files are there. */
  current: Version.optional(),
  /** The one that is to be made, or could not be. */
  next: Version.optional(),
});
export type KeptAvatar = z.infer<typeof KeptAvatar>;

/** What renderers call a version. */
export const keyOf = (id: string, version: string): string => `${id}.${version}`;

/** The folder of a version, by what renderers call it; undefined for an avatar that was not made here. */
export function homeOf(folder: string, key: string): string | undefined {
  const [, id, version] = /^(av_[A-Za-z0-9_-]+)\.([0-9a-f]+)$/.exec(key) ?? [];
  return id !== undefined && version !== undefined ? join(folder, id, version) : undefined;
}

/** Where avatars are kept. A change is durable once its promise resolves; everything rejects with AvatarError `storage_failed`. */
export interface AvatarStore {
  /** Oldest first. */
  all(): Promise<readonly KeptAvatar[]>;
  /** Adds it, or replaces the one with its id. */
  put(avatar: KeptAvatar): Promise<void>;
  remove(id: string): Promise<void>;
}
