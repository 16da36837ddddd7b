import { EventEmitter } from 'node:events';
import { sleep, systemClock, type Clock } from '#base/clock.ts';
import type { Expression } from '#base/expression.ts';
import { FPS, TICKS_PER_FRAME, type AvFrame, type Clause } from '#base/media.ts';
import type { StageStatus } from '#protocol/http.ts';
import { START_LEAD, Sync } from '#server/media/sync.ts';
import type { Speech, SpeechReport, StageEvents } from '#server/media/types.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import type { StagePort } from './ports.ts';

interface OnAir {
  readonly utteranceId: string;
  readonly stop: AbortController;
  draining: boolean;
  ducked: PromiseWithResolvers<void> | undefined;
}
type Heard = { clause: Clause; complete: boolean; heard: number };

/** A stage without media: it takes frames as the real one does, one every `msPerFrame`, and reports what it was given. */
export class SilentStage extends EventEmitter<StageEvents> implements StagePort {
  readonly sync: Sync;
  /** What its face was asked to show so far. */
  readonly expressions: Expression[] = [];
  nods = 0;
  readonly #clock: Clock;
  readonly #msPerFrame: number;
  #onAir: OnAir | undefined;
  #frame = 0;

  constructor(clock: Clock = systemClock, msPerFrame = 1) {
    super();
    this.#clock = clock;
    this.#msPerFrame = msPerFrame;
    this.sync = new Sync({ clock, metrics: createMetrics(), leadMs: () => START_LEAD, lead: () => undefined });
  }

  async play(speech: Speech): Promise<SpeechReport> {
    if (this.#onAir) throw new Error('an utterance is already on air');
    const onAir: OnAir = { utteranceId: speech.utteranceId, stop: new AbortController(), draining: false, ducked: undefined };
    this.#onAir = onAir;
    const spoken: Heard[] = [];
    let startedAt: number | undefined;
    let error: unknown;
    const frames = speech.frames[Symbol.asyncIterator]();
    const stopped = new Promise<undefined>((resolve) => onAir.stop.signal.addEventListener('abort', () => resolve(undefined)));
    try {
      for (;;) {
        if (onAir.draining && spoken.every(({ complete }) => complete)) break;
        const next = await Promise.race([frames.next(), stopped]);
        if (!next || next.done || onAir.stop.signal.aborted) break;
        if (startedAt === undefined) this.emit('air', { state: 'speaking', utteranceId: speech.utteranceId });
        startedAt ??= this.#clock.now();
        this.#take(speech, next.value, spoken);
        await sleep(this.#clock, this.#msPerFrame, onAir.stop.signal);
        await Promise.race([onAir.ducked?.promise, stopped]);
      }
    } catch (thrown) {
      error = thrown;
    }
    void frames.return?.().catch(() => undefined);
    this.#onAir = undefined;
    this.emit('air', { state: 'idle', utteranceId: speech.utteranceId });
    const report = { spoken, startedAt };
    if (error !== undefined) return { ...report, outcome: 'failed', error };
    return { ...report, outcome: onAir.stop.signal.aborted || onAir.draining ? 'interrupted' : 'done' };
  }

  cut(): void {
    this.#onAir?.stop.abort();
  }

  duck(): void {
    if (!this.#onAir || this.#onAir.ducked) return;
    this.#onAir.ducked = Promise.withResolvers();
    this.emit('air', { state: 'ducked', utteranceId: this.#onAir.utteranceId });
  }

  unduck(): void {
    const { ducked, utteranceId } = this.#onAir ?? {};
    if (!this.#onAir || !ducked || utteranceId === undefined) return;
    this.#onAir.ducked = undefined;
    this.emit('air', { state: 'speaking', utteranceId });
    ducked.resolve();
  }

  attend(expression: Expression): void {
    if (this.expressions.at(-1) !== expression) this.expressions.push(expression);
  }

  nod(): void {
    this.nods += 1;
  }

  drain(): void {
    if (this.#onAir) this.#onAir.draining = true;
  }

  status(): StageStatus {
    const state = this.#onAir ? 'speaking' : 'idle';
    return { fps: FPS, size: { width: 512, height: 512 }, epochMs: 1_700_000_000_000, frame: this.#frame, state };
  }

  #take({ utteranceId, outlook }: Speech, frame: AvFrame, spoken: Heard[]): void {
    this.#frame += 1;
    if (frame.startOfClause) {
      spoken.push({ clause: frame.clause, complete: false, heard: 0 });
      this.emit('clause', { utteranceId, clause: frame.clause, outlook, startFrame: this.#frame, endFrame: this.#frame + 3 });
    }
    const last = spoken.at(-1);
    if (last) last.heard += TICKS_PER_FRAME;
    if (!last || !frame.endOfClause) return;
    last.complete = true;
    this.emit('clauseOver', { utteranceId, clause: frame.clause });
  }
}
