import { EventEmitter } from 'node:events';
import type { Clock } from '#base/clock.ts';
import { FPS, MS_PER_FRAME, TICKS_PER_MS } from '#base/media.ts';
import type { StageStatus } from '#protocol/http.ts';
import { Playout } from '#server/media/playout.ts';
import { START_LEAD, Sync } from '#server/media/sync.ts';
import type { OwnVoice, Speech, SpeechReport, StageEvents } from '#server/media/types.ts';
import type { StagePort } from '#server/sessions/ports.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';

interface AiredStageOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly own: OwnVoice;
}

/** The real playout without what encodes and sends: pictures and packets go nowhere, at their instants. */
export class AiredStage extends EventEmitter<StageEvents> implements StagePort {
  readonly sync: Sync;
  /** Furthest that a sound or a picture was from the instant that its number says, ms. */
  worst = 0;
  readonly #playout: Playout;
  #isTalking = false;

  constructor({ clock, metrics, own }: AiredStageOptions) {
    super();
    const epoch = clock.now() + START_LEAD;
    const due = (at: number): void => void (this.worst = Math.max(this.worst, Math.abs(clock.now() - at)));
    this.#playout = new Playout(
      { clock, metrics, leadMs: START_LEAD },
      {
        sound: (ticks, samples) => {
          const at = epoch + ticks / TICKS_PER_MS - START_LEAD;
          due(at);
          if (samples) own(samples, at);
          if (samples && !this.#isTalking) this.emit('voice');
          this.#isTalking = samples !== undefined;
        },
        picture: (frame) => due(epoch + frame * MS_PER_FRAME),
        turning: () => undefined,
        clause: (clause) => this.emit('clause', clause),
        clauseOver: (clause) => this.emit('clauseOver', clause),
        air: (event) => this.emit('air', event),
      },
    );
    this.sync = new Sync({ clock, metrics, leadMs: () => this.#playout.leadMs, lead: (ms) => this.#playout.lead(ms) });
    this.#playout.start();
  }

  play(speech: Speech): Promise<SpeechReport> {
    return this.#playout.play(speech);
  }

  cut(since?: number): void {
    this.#playout.cut(since);
  }

  duck(since?: number): void {
    this.#playout.duck(since);
  }

  unduck(): void {
    this.#playout.unduck();
  }

  drain(): void {
    this.#playout.drain();
  }

  /** It has no face. */
  attend(): void {
    return;
  }

  nod(): void {
    return;
  }

  status(): StageStatus {
    const { epochMs, frame, speaking } = this.#playout;
    return { fps: FPS, size: { width: 2, height: 2 }, epochMs, frame, state: speaking ? 'speaking' : 'idle' };
  }

  close(): void {
    this.#playout.close();
    this.sync.close();
  }
}
