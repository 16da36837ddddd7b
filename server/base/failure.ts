import { TooLate } from './timed.ts';

/**
 * Why a provider did not answer. `unreachable`: no connection. `timeout`. `cut`: its answer ended early. `garbage`: it is not what was agreed.
 * `rate_limited`, `overloaded`: it asks for patience (429; 408, 409 and 5xx). `wrong_key`, `quota`: it doesn't serve this account. `refused`: not
 * this request. `not_found`: not this address, model or voice. `open`: it failed so often that it is not asked for a while.
 */
export type FailureKind =
  | 'unreachable'
  | 'timeout'
  | 'cut'
  | 'garbage'
  | 'rate_limited'
  | 'overloaded'
  | 'wrong_key'
  | 'quota'
  | 'refused'
  | 'not_found'
  | 'open';

export interface Failure {
  readonly kind: FailureKind;
  /** What was wrong, as the end of a sentence; without secrets. */
  readonly because: string;
  /** When the provider says it may be asked again, in ms. */
  readonly retryAfter?: number | undefined;
}

/** Worth asking again. */
export const PASSING: ReadonlySet<FailureKind> = new Set([
  'unreachable',
  'timeout',
  'cut',
  'garbage',
  'rate_limited',
  'overloaded',
]);

/** What says nothing about the provider's health: it answered, and the request was the problem. */
export const OURS: ReadonlySet<FailureKind> = new Set(['refused', 'not_found']);

/** Thrown by adapters for what is wrong with an answer. */
export class Broken extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** An answer with an HTTP status that is no success. `detail` is the provider's own code or word for it. */
export interface Status {
  readonly status: number;
  readonly detail: string;
  readonly retryAfter: number | undefined;
}

const QUOTA = /insufficient_quota|quota_exceeded|billing|payment|subscription|paid_plan|free_user|not_allowed/i;

export function failureOfStatus({ status, detail, retryAfter }: Status): Failure {
  const because = `it answered ${status}${detail ? ` (${detail})` : ''}`;
  if (QUOTA.test(detail) || status === 402) return { kind: 'quota', because };
  if (status === 401 || status === 403) return { kind: 'wrong_key', because };
  if (status === 404) return { kind: 'not_found', because };
  if (status === 429) return { kind: 'rate_limited', because, retryAfter };
  if (status === 408 || status === 409 || status >= 500) return { kind: 'overloaded', because, retryAfter };
  return { kind: 'refused', because };
}

/** What went wrong below HTTP, or with what HTTP carried. `begun` = some of the answer had come. */
export function failureOfError(thrown: unknown, begun: boolean): Failure {
  if (thrown instanceof TooLate) {
    const what = { first: 'nothing came within', between: 'it fell silent for', whole: 'it did not end within' }[thrown.limit];
    return { kind: 'timeout', because: `${what} ${thrown.ms} ms` };
  }
  if (thrown instanceof Broken) return { kind: thrown.kind, because: thrown.message };
  if (thrown instanceof SyntaxError) return { kind: 'garbage', because: 'its answer can not be read' };
  // undici's word for a body that ends before its end.
  if (begun || (thrown instanceof Error && thrown.message === 'terminated'))
    return { kind: 'cut', because: 'its answer was cut off' };
  return { kind: 'unreachable', because: `there is no connection${codeOf(thrown)}` };
}

/** The system's word for it (ECONNREFUSED…), which lies somewhere down the causes. */
function codeOf(thrown: unknown): string {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth += 1) {
    const code: unknown = 'code' in error ? error.code : undefined;
    if (typeof code === 'string' && /^[A-Z_]{3,40}$/.test(code)) return ` (${code})`;
  }
  return '';
}

/** ms that `Retry-After` (seconds or an HTTP date) asks for; undefined when it says nothing that can be read. */
export function retryAfterOf(value: string | null | undefined, wallMs: number): number | undefined {
  if (!value) return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(value) - wallMs;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
