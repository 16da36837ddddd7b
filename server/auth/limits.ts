import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { AvatarError } from '#base/errors.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';

/** How often something may happen: `points` times in `seconds`, per key. */
interface Allowance {
  readonly points: number;
  readonly seconds: number;
}

export interface Limits {
  /** Counts one use. Throws AvatarError `rate_limited` with `retryAfterMs` once the allowance of `key` is used up. */
  use(kind: LimitKind, key: string): Promise<void>;
}

/** `create` per address, `prompt` per session, `event` and `client_log` per socket. */
export type LimitKind = 'create' | 'prompt' | 'event' | 'client_log';

/** Rates are per minute. */
export function createLimits(rates: { create: number; prompt: number }, metrics: Metrics): Limits {
  const allowances: Record<LimitKind, Allowance> = {
    create: { points: rates.create, seconds: 60 },
    prompt: { points: rates.prompt, seconds: 60 },
    event: { points: 200, seconds: 10 },
    client_log: { points: 120, seconds: 60 },
  };
  const limiter = (kind: LimitKind): RateLimiterMemory =>
    new RateLimiterMemory({ keyPrefix: kind, points: allowances[kind].points, duration: allowances[kind].seconds });
  const limiters = {
    create: limiter('create'),
    prompt: limiter('prompt'),
    event: limiter('event'),
    client_log: limiter('client_log'),
  };
  return {
    async use(kind, key) {
      try {
        await limiters[kind].consume(key);
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        metrics.rateLimited.inc();
        const { points, seconds } = allowances[kind];
        throw new AvatarError('rate_limited', `At most ${points} of ${kind} in ${seconds} s are allowed; slow down.`, {
          details: { retryAfterMs: refusal.msBeforeNext },
        });
      }
    },
  };
}
