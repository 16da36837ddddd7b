import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { Allowance } from './allowance.ts';

export interface Limits {
  /** Counts one use. Throws AvatarError `rate_limited` with `retryAfterMs` once the allowance of `key` is used up. */
  use(kind: LimitKind, key: string): Promise<void>;
}

/** Uses and seconds; what each is counted per. */
const USUAL = {
  /** Any HTTP request, per address. */
  request: [12_000, 60],
  /** Sockets opened, per address. */
  connection: [600, 60],
  /** Tokens that were refused, per address. */
  auth_failure: [600, 60],
  /** Sessions created, per address. */
  create: [120, 60],
  /** Avatars sent, per address. */
  avatar: [20, 60],
  /** WHEP offers, per address. */
  whep: [600, 60],
  /** Per session. */
  prompt: [120, 60],
  /** Images shown, per session. */
  image: [60, 60],
  /** Tokens issued, per session. */
  token: [600, 60],
  /** Events, per socket; who goes on regardless is cut off at the flood. */
  event: [200, 10],
  flood: [1_000, 10],
  /** Per socket. */
  join: [60, 60],
  /** Opened, per socket. */
  microphone: [60, 60],
  /** Per socket or WHEP viewer. */
  ice_restart: [60, 60],
  /** Per socket. */
  client_log: [120, 60],
} as const;

export type LimitKind = keyof typeof USUAL;
export const LIMIT_KINDS = Object.keys(USUAL) as readonly LimitKind[];

/** `rates`, per minute, replace the usual ones. */
export function createLimits(rates: Partial<Record<LimitKind, number>>, metrics: Metrics, clock: Clock): Limits {
  const allowance = (kind: LimitKind): Allowance => {
    const [points, seconds] = USUAL[kind];
    const rate = rates[kind];
    return rate === undefined ? new Allowance(points, seconds, clock) : new Allowance(rate, 60, clock);
  };
  const allowances = Object.fromEntries(LIMIT_KINDS.map((kind) => [kind, allowance(kind)])) as Record<LimitKind, Allowance>;
  // A series that is there from the start can be watched for its first refusal.
  for (const kind of LIMIT_KINDS) metrics.rateLimited.inc({ kind }, 0);
  return {
    async use(kind, key) {
      const wait = allowances[kind].take(key);
      if (wait === 0) return;
      metrics.rateLimited.inc({ kind });
      const { points, seconds } = allowances[kind];
      throw new AvatarError('rate_limited', `At most ${points} of ${kind} in ${seconds} s are allowed; slow down.`, {
        details: { retryAfterMs: Math.ceil(wait) },
      });
    },
  };
}
