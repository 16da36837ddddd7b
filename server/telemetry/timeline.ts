import type { Clock } from '#base/clock.ts';
import { newTraceId } from '#base/trace.ts';

/**
 * The stages of a turn, in the order they are usually reached. playout: the first sound is due; firstPacket: its packet is handed to mediasoup;
 * painted: the first spoken picture is on the screen of the first viewer who says so.
 */
export const TURN_STAGES = [
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

/** A screen may be this far in the future, ms: a browser tells of a picture before it is shown. */
const AHEAD = 100;

/** When one turn reached each stage. The first mark of a stage counts. */
export class Timeline {
  readonly traceId: string;
  readonly #clock: Clock;
  readonly #start: number;
  readonly #reached = new Map<TurnStage, number>();
  readonly #painted = new Map<string, number>();

  constructor(clock: Clock, traceId: string = newTraceId()) {
    this.traceId = traceId;
    this.#clock = clock;
    this.#start = clock.now();
    this.#reached.set('prompt', 0);
  }

  /** `viewer` has the first spoken picture on its screen since `agoMs`. What can't be is left out: nothing is seen before it was sent. */
  paint(viewer: string, agoMs: number): void {
    const ms = this.#clock.now() - agoMs - this.#start;
    const sent = this.#reached.get('firstPacket');
    if (sent === undefined || ms < sent || agoMs < -AHEAD || this.#painted.has(viewer)) return;
    this.#painted.set(viewer, ms);
    this.#reached.set('painted', Math.min(ms, this.#reached.get('painted') ?? Infinity));
  }

  /** How many viewers have said when they saw it, and ms from the prompt to the last of them. */
  get painted(): { viewers: number; lastMs: number } | undefined {
    if (this.#painted.size === 0) return undefined;
    return { viewers: this.#painted.size, lastMs: tenth(Math.max(...this.#painted.values())) };
  }

  /** ms from the prompt to monotonic `at`. */
  msAt(at: number): number {
    return at - this.#start;
  }

  /** How long ago the stage was reached, ms; undefined when it wasn't. */
  since(stage: TurnStage): number | undefined {
    const ms = this.#reached.get(stage);
    return ms === undefined ? undefined : this.#clock.now() - this.#start - ms;
  }

  /** `at` is monotonic ms, now when left out. */
  mark(stage: TurnStage, at = this.#clock.now()): void {
    if (!this.#reached.has(stage)) this.#reached.set(stage, at - this.#start);
  }

  /** ms from the prompt to each stage that was reached, in order, to a tenth. */
  get stages(): Partial<Record<TurnStage, number>> {
    const reached = TURN_STAGES.flatMap((stage) => {
      const ms = this.#reached.get(stage);
      return ms === undefined ? [] : [[stage, tenth(ms)] as const];
    });
    return Object.fromEntries(reached);
  }
}

const tenth = (ms: number): number => Math.round(ms * 10) / 10;
