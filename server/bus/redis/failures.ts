import { AvatarError } from '#base/errors.ts';
import { redact } from '#base/redact.ts';

/** `full`: no memory or disk left. `busy`: it loads, or is no master for the moment. `refused`: wrong password, or one that may not do this. */
export type BusFailure = 'unreachable' | 'timeout' | 'full' | 'busy' | 'refused' | 'closed' | 'other';

const KINDS: readonly [RegExp, BusFailure][] = [
  [/^(WRONGPASS|NOAUTH|NOPERM|ERR (invalid password|AUTH|Client sent AUTH|DB index))/i, 'refused'],
  [/^(OOM|MISCONF|NOREPLICAS)\b/, 'full'],
  [/^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|UNKILLABLE)\b/, 'busy'],
  [/timed? ?out/i, 'timeout'],
  [/ECONN|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|EPIPE|Connection is closed|writeable|max retries|aborted/i, 'unreachable'],
];

/** Worth asking again. */
export const PASSING: ReadonlySet<BusFailure> = new Set(['unreachable', 'busy']);

export function kindOf(thrown: unknown): BusFailure {
  const text = textOf(thrown);
  return KINDS.find(([pattern]) => pattern.test(text))?.[1] ?? 'other';
}

/** What Redis or the network said, without what it was asked: ioredis hangs the command with its arguments, a password too, onto its errors. */
export function textOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return redact(String(thrown));
  const { code } = thrown as NodeJS.ErrnoException;
  // Several addresses of one name: an error of errors without a message of its own.
  return redact(thrown.message || code || thrown.name);
}

export const busError = (what: string, kind: BusFailure, because: string): AvatarError =>
  new AvatarError('bus_failed', `Redis could not ${what}: ${because}`, { details: { kind } });
