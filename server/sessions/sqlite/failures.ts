import { AvatarError } from '#base/errors.ts';

/** What went wrong on the thread, without its class: errors lose what isn't in every Error on their way out of a thread. */
export interface Failure {
  readonly message: string;
  /** SQLite's primary result code (https://sqlite.org/rescode.html), where it was SQLite. */
  readonly errcode: number | undefined;
}

const KNOWN: Readonly<Record<number, readonly [kind: string, text: string]>> = {
  5: ['busy', 'another program uses it; stop that, or set DATABASE_URL to another file'],
  6: ['busy', 'another program uses it; stop that, or set DATABASE_URL to another file'],
  8: ['readonly', 'it is read-only'],
  10: ['io', 'the disk reports an error'],
  11: ['other', 'it is damaged'],
  13: ['full', 'the disk is full'],
  26: ['other', 'it is no SQLite database'],
};

/** As AvatarError `storage_failed`, with `details.kind`; the message goes on after `before`. */
export function storageError(before: string, { message, errcode }: Failure): AvatarError {
  const [kind, text] = KNOWN[errcode ?? -1] ?? ['other', message];
  return new AvatarError('storage_failed', `${before}: ${text}.`, { details: { kind }, cause: new Error(message) });
}
