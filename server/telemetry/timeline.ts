import type { Clock } from '#base/clock.ts';
import { newTraceId } from '#base/trace.ts';

/**
 * The stages of a turn, in the order they are usually reached; those of a reply that was begun before its turn was over may come before `prompt`.
 * endOfTurn, stt: of a spoken turn, it was clear that it is over, and its last words were known. playout: the first sound is due; firstPacket: its
 * packet is handed to mediasoup; painted: the first spoken picture is on the screen of the first viewer who says so.
 */
export const TURN_STAGES = [
  'endOfTurn',
  'stt',
  'prompt',
  'firstToken',
  'firstClause',
  'firstAudio',
  'firstWindow',
  'firstFrame',
  'playout',
  'firstPacket',
  'painted',
  'end',
] as const;
export type TurnStage = (typeof TURN_STAGES)[number];

/** What happens to a turn before a reply to it is begun. */
const BEFORE: ReadonlySet<TurnStage> = new Set(['endOfTurn', 'stt', 'prompt']);

/** How a spoken turn was heard, clock ms: its last voiced frame, when it was clear that it is over, and when its words were known. */
export interface Heard {
  readonly lastVoicedAt: number;
  readonly endOfTurnAt: number;
  readonly transcribedAt: number;
}

/** A screen may be this far in the future, ms: a browser tells of a picture before it is shown. */
const AHEAD = 100;

/** When one turn reached each stage. The first mark of a stage counts. It begins with the prompt, or with the last voiced frame of what was said. */
export class Timeline {
  readonly traceId: string;
  readonly #clock: Clock;
  #start: number;
  /** Monotonic ms. */
  readonly #reached = new Map<TurnStage, number>();
  readonly #painted = new Map<string, number>();

  constructor(clock: Clock, traceId: string = newTraceId()) {
    this.traceId = traceId;
    this.#clock = clock;
    this.#start = clock.now();
    this.#reached.set('prompt', this.#start);
  }

  /** The prompt is known to be one now, and to be what was heard then. */
  hear({ lastVoicedAt, endOfTurnAt, transcribedAt }: Heard): void {
    this.#start = lastVoicedAt;
    this.mark('endOfTurn', endOfTurnAt);
    this.mark('stt', transcribedAt);
    this.#reached.set('prompt', this.#clock.now());
  }

  /** What was begun is begun again. */
  anew(): void {
    for (const stage of this.#reached.keys()) if (!BEFORE.has(stage)) this.#reached.delete(stage);
  }

  /** `viewer` has the first spoken picture on its screen since `agoMs`. What can't be is left out: nothing is seen before it was sent. */
  paint(viewer: string, agoMs: number): void {
    const at = this.#clock.now() - agoMs;
    const sent = this.#reached.get('firstPacket');
    if (sent === undefined || at < sent || agoMs < -AHEAD || this.#painted.has(viewer)) return;
    this.#painted.set(viewer, at);
    this.#reached.set('painted', Math.min(at, this.#reached.get('painted') ?? Infinity));
  }

  /** How many viewers have said when they saw it, and ms from the beginning to the last of them. */
  get painted(): { viewers: number; lastMs: number } | undefined {
    if (this.#painted.size === 0) return undefined;
    return { viewers: this.#painted.size, lastMs: tenth(Math.max(...this.#painted.values()) - this.#start) };
  }

  /** ms from the beginning to monotonic `at`. */
  msAt(at: number): number {
    return at - this.#start;
  }

  /** How long ago the stage was reached, ms; undefined when it wasn't. */
  since(stage: TurnStage): number | undefined {
    const at = this.#reached.get(stage);
    return at === undefined ? undefined : this.#clock.now() - at;
  }

  /** `at` is monotonic ms, now when left out. */
  mark(stage: TurnStage, at = this.#clock.now()): void {
    if (!this.#reached.has(stage)) this.#reached.set(stage, at);
  }

  /** ms from the beginning to each stage that was reached, in order, to a tenth; 0 for what was reached before it. */
  get stages(): Partial<Record<TurnStage, number>> {
    const reached = TURN_STAGES.flatMap((stage) => {
      const at = this.#reached.get(stage);
      return at === undefined ? [] : [[stage, tenth(Math.max(0, at - this.#start))] as const];
    });
    return Object.fromEntries(reached);
  }
}

const tenth = (ms: number): number => Math.round(ms * 10) / 10;
