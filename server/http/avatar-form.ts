import type { MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { AvatarError } from '#base/errors.ts';
import { notWritten } from '#base/files.ts';
import { AvatarFields } from '#protocol/http.ts';
import type { Upload } from '#server/avatars/avatars.ts';

/** Largest file, bytes; it is written to the disk as it comes. */
const MAX_FILE = 16 * 1024 * 1024;
/** Parts and bytes of the rest. */
export const FORM_LIMITS = {
  files: 1,
  fileSize: MAX_FILE,
  fields: 8,
  fieldNameSize: 32,
  fieldSize: 8_192,
  parts: 9,
  headerPairs: 16,
};
export const FORM_TYPE = 'multipart/form-data';
/** Of the whole body: what a file needs around it is little. */
export const MAX_FORM = MAX_FILE + 128 * 1024;

const DECODED = /^(7bit|8bit|binary)$/i;

export interface Form {
  readonly fields: AvatarFields;
  readonly upload: Upload;
}

/**
 * Reads the form, its file into `path`, and hands it to `use`; the file is removed afterwards if it is still there.
 * Throws `bad_request`, `payload_too_large`, `unsupported_media_type`, `storage_failed`.
 */
export async function withForm<T>(
  request: FastifyRequest,
  incoming: () => Promise<string>,
  use: (form: Form) => Promise<T>,
): Promise<T> {
  if (!request.isMultipart()) throw new AvatarError('unsupported_media_type', `The Content-Type must be ${FORM_TYPE}.`);
  const path = await incoming();
  try {
    return await use(await readForm(request, path).catch((error: unknown) => Promise.reject(readable(error))));
  } finally {
    await rm(path, { force: true });
  }
}

async function readForm(request: FastifyRequest, path: string): Promise<Form> {
  const values = new Map<string, string>();
  let upload: Upload | undefined;
  for await (const part of request.parts()) {
    if (part.type === 'file') {
      const kind = part.fieldname;
      if (kind !== 'image' && kind !== 'clip')
        throw wrong(`${named(kind)}: is no file that is asked for; send \`image\` or \`clip\`.`);
      if (!DECODED.test(part.encoding)) throw wrong(`${kind}: must be sent as it is, not as ${named(part.encoding)}.`);
      await write(part, path);
      upload = { path, kind };
    } else {
      if (values.has(part.fieldname)) throw wrong(`${named(part.fieldname)}: is there twice.`);
      if (part.valueTruncated || typeof part.value !== 'string')
        throw wrong(`${named(part.fieldname)}: is too long, or no text.`);
      values.set(part.fieldname, part.value);
    }
  }
  if (!upload) throw wrong('A file is needed: `image` (a portrait) or `clip` (somebody who listens).');
  const { success, data, error } = AvatarFields.safeParse(Object.fromEntries(values));
  if (success) return { fields: data, upload };
  const issues = error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
  throw new AvatarError('bad_request', `${issues[0]?.path || 'form'}: ${issues[0]?.message ?? 'is invalid'}`, {
    details: { issues },
  });
}

async function write({ file, fieldname }: MultipartFile, path: string): Promise<void> {
  try {
    await pipeline(file, createWriteStream(path, { mode: 0o600, flags: 'wx' }));
  } catch (error) {
    throw notWritten(error);
  }
  if (file.truncated) throw new AvatarError('payload_too_large', `\`${fieldname}\` may have at most ${MAX_FILE / 2 ** 20} MB.`);
}

/** What the parser says of a form that is none has no code; what the disk says has one, and so has what Fastify says. */
const readable = (error: unknown): Error => {
  if (error instanceof Error && (error instanceof AvatarError || 'code' in error)) return error;
  return new AvatarError('bad_request', 'The form is damaged, or not whole.', { cause: error });
};

const wrong = (message: string): AvatarError => new AvatarError('bad_request', message);
const named = (name: string): string => `\`${name.slice(0, 32)}\``;
