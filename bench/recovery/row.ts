import { percentile, round } from '../bench.ts';

/** How long one kind of death was felt, over some repetitions: times in ms. */
export interface RecoveryRow {
  /** What was pulled, and where the time counts from and to. */
  readonly plug: string;
  readonly promise: string;
  readonly times: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  readonly met: boolean;
}

/** Met when 95 of 100 samples stay within `limitMs`. Without samples nothing is proven, and nothing is met. */
export function rowOf(plug: string, promise: string, limitMs: number, samples: readonly number[]): RecoveryRow {
  const [p50 = 0, p95 = 0, max = 0] = samples.length > 0 ? [0.5, 0.95, 1].map((share) => round(percentile(samples, share))) : [];
  return { plug, promise, times: samples.length, p50, p95, max, met: samples.length > 0 && p95 <= limitMs };
}
