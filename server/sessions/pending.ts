import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Clause, Still } from '#base/media.ts';
import { newTraceId } from '#base/trace.ts';
import type { ImageFate, Turn } from '#protocol/http.ts';
import type { TurnEvent } from '#protocol/signalling.ts';
import type { Prompt } from '#server/llm/llm.ts';
import type { Speech } from '#server/media/types.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { Spent } from '#server/telemetry/spending.ts';
import { Timeline, type Heard } from '#server/telemetry/timeline.ts';
import { begun } from './begun.ts';

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
  /** What the host shows with it, until it is answered; none when that doesn't come in time. */
  still: Promise<Still | undefined> | undefined;
  /** Why that was not seen, once it is known. */
  unseen: Exclude<ImageFate, 'seen'> | undefined;
  /** How it was heard, where it was spoken. */
  spokenTo: Heard | undefined;
  /** Resolves once its first clause is there. */
  readonly clause: PromiseWithResolvers<void>;
  /** Resolves once its model asks the server for something. */
  readonly working: PromiseWithResolvers<void>;
  /** A filler is on air, and not yet its reply. */
  isBridged: boolean;
  /** Its reply, where it was begun before it was sure that the turn is over. */
  draft: Drafted | undefined;
  /** Tells that it is over. Undefined before it is, and once it is told. */
  tell: (() => void) | undefined;
}

/** A reply that is made as far as it goes without being on air. */
export interface Drafted {
  /** What the model was told; it holds good as long as nothing else has been said since. */
  readonly prompt: Prompt;
  readonly speech: Speech;
  /** To be resolved when it goes on air: the rest is made only then. */
  readonly confirmed: PromiseWithResolvers<void>;
  /** Resolves once some of it is there, or there will be nothing. */
  readonly first: Promise<void>;
  /** Its streams end. */
  drop(): void;
}

/** Begins a reply ahead of time; `speak` is given what ends it, and what it has to wait for. */
export function drafted(prompt: Prompt, speak: (signal: AbortSignal, confirmed: Promise<void>) => Speech): Drafted {
  const abort = new AbortController();
  const confirmed = Promise.withResolvers<void>();
  const { frames, ...speech } = speak(abort.signal, confirmed.promise);
  const { items, first, drop } = begun(frames);
  return {
    prompt,
    speech: { ...speech, frames: items },
    confirmed,
    first,
    drop: () => {
      abort.abort();
      confirmed.resolve();
      drop();
    },
  };
}

export function pend(
  turn: Turn,
  text: string,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  still?: Promise<Still | undefined>,
): Pending {
  const traceId = (turn.traceId ??= newTraceId());
  if (still) turn.image = 'seen';
  return {
    turn,
    text,
    timeline: new Timeline(clock, traceId),
    abort: new AbortController(),
    heard: [],
    spent: {},
    log: log.child({ utteranceId: turn.utteranceId, traceId }),
    still,
    unseen: undefined,
    spokenTo: undefined,
    clause: Promise.withResolvers(),
    working: Promise.withResolvers(),
    isBridged: false,
    draft: undefined,
    tell: undefined,
  };
}

/** A turn that nobody has begun to answer. */
export const turnOf = (mode: Turn['mode'], text: string, about: { utteranceId: string; traceId: string }): Turn => ({
  ...about,
  mode,
  ...(mode === 'greeting' ? {} : { prompt: text }),
  spoken: '',
  state: 'queued',
  askedAt: 0,
});

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
  const image = turn.image ? { image: turn.image } : {};
  const seen = painted ? { painted } : {};
  log.info({ outcome, stages, ...image, ...seen, ...usage }, 'turn ended');
  options.ended({ utteranceId: turn.utteranceId, outcome, spoken, ...image, traceId, stages, ...seen, ...usage });
}
