import type { Clock } from '#base/clock.ts';

/** The stages of a turn, in the order they are reached. */
export const TURN_STAGES = ['firstToken', 'firstClause', 'firstAudio', 'firstFrame', 'playout', 'end'] as const;
export type TurnStage = (typeof TURN_STAGES)[number];

/** When one turn reached each stage. The first mark of a stage counts. */
export class Timeline {
  readonly #clock: Clock;
  readonly #start: number;
  readonly #reached = new Map<TurnStage, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#start = clock.now();
  }

  /** `at` is monotonic ms, now when left out. */
  mark(stage: TurnStage, at = this.#clock.now()): void {
    if (!this.#reached.has(stage)) this.#reached.set(stage, at - this.#start);
  }

  /** ms from the prompt to each stage that was reached, in order, to a tenth. */
  get stages(): Partial<Record<TurnStage, number>> {
    const reached = TURN_STAGES.flatMap((stage) => {
      const ms = this.#reached.get(stage);
      return ms === undefined ? [] : [[stage, Math.round(ms * 10) / 10] as const];
    });
    return Object.fromEntries(reached);
  }
}
