import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Clause } from '#base/media.ts';
import { newTraceId } from '#base/trace.ts';
import type { Turn } from '#protocol/http.ts';
import type { TurnEvent } from '#protocol/signalling.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { Spent } from '#server/telemetry/spending.ts';
import { Timeline } from '#server/telemetry/timeline.ts';

/** How long a turn that is over waits to hear when its first picture was seen, ms: a turn of a word or two may be over sooner. */
const PAINT_WAIT = 500;

/** A turn on its way, from the prompt until it has been told that it is over. */
export interface Pending {
  readonly turn: Turn;
  readonly text: string;
  /** From the prompt on; a greeting, which nobody asked for, counts from its beginning. */
  timeline: Timeline;
  readonly abort: AbortController;
  /** What is heard of it so far. */
  readonly heard: { readonly clause: Clause; complete: boolean }[];
  /** What providers used for it so far. */
  readonly spent: Spent;
  readonly log: Log;
  /** Tells that it is over. Undefined before it is, and once it is told. */
  tell: (() => void) | undefined;
}

export function pend(turn: Turn, text: string, { clock, log }: { readonly clock: Clock; readonly log: Log }): Pending {
  const traceId = (turn.traceId ??= newTraceId());
  return {
    turn,
    text,
    timeline: new Timeline(clock, traceId),
    abort: new AbortController(),
    heard: [],
    spent: {},
    log: log.child({ utteranceId: turn.utteranceId, traceId }),
    tell: undefined,
  };
}

export interface EndOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Somebody receives pictures who may say when they are seen. */
  readonly isWatched: () => boolean;
  readonly ended: (turn: TurnEvent) => void;
}

/** The turn is over. That is told at once, unless its first picture is still on its way to somebody's screen; then by `tell`, or a little later. */
export function end(pending: Pending, outcome: TurnEvent['outcome'], spoken: string, options: EndOptions): void {
  const { clock, isWatched } = options;
  const { timeline } = pending;
  const isPaintDue = (timeline.since('firstPacket') ?? Infinity) < PAINT_WAIT && timeline.painted === undefined;
  const cancel = clock.at(clock.now() + PAINT_WAIT, () => pending.tell?.());
  pending.tell = () => {
    pending.tell = undefined;
    cancel();
    tell(pending, outcome, spoken, options);
  };
  if (outcome !== 'done' || !isPaintDue || !isWatched()) pending.tell();
}

function tell({ turn, timeline, spent, log }: Pending, outcome: TurnEvent['outcome'], spoken: string, options: EndOptions): void {
  const { stages, painted, traceId } = timeline;
  for (const [stage, ms] of Object.entries(stages)) options.metrics.turnStageMs.observe({ stage }, ms);
  const usage = Object.keys(spent).length > 0 ? { usage: spent } : {};
  const seen = painted ? { painted } : {};
  log.info({ outcome, stages, ...seen, ...usage }, 'turn ended');
  options.ended({ utteranceId: turn.utteranceId, outcome, spoken, traceId, stages, ...seen, ...usage });
}
