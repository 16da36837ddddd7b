import type { Clock } from '#base/clock.ts';
import type { AvatarError } from '#base/errors.ts';
import type { Still } from '#base/media.ts';
import type { Log } from '#base/log.ts';
import type { Turn } from '#protocol/http.ts';
import type { TurnEvent } from '#protocol/signalling.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { Heard } from '#server/telemetry/timeline.ts';
import type { Journal } from './journal.ts';
import type { StagePort, Talk } from './ports.ts';

export interface TurnsOptions {
  readonly sessionId: string;
  readonly stage: StagePort;
  readonly talk: Talk;
  readonly journal: Journal;
  /** What was said before, oldest first; its turns that wait are answered, those that had begun end here. */
  readonly past: readonly Turn[];
  readonly greeting: string | undefined;
  /** The greeting begins no sooner. */
  readonly hold: Promise<void>;
  readonly system: string;
  readonly language: string;
  readonly voice: string | undefined;
  /** Somebody receives pictures who may say when they are seen. */
  readonly isWatched: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface Asking {
  readonly utteranceId?: string | undefined;
  readonly traceId?: string | undefined;
  /** Left out for a turn that was written. */
  readonly heard?: Heard | undefined;
  /** What the host shows with it, none when that doesn't come in time. Asked once the turn is known to be new; may throw AvatarError. */
  readonly still?: (() => Promise<Still | undefined> | undefined) | undefined;
}

export interface TurnSinks {
  begun(utteranceId: string): void;
  ended(turn: TurnEvent): void;
  /** At once when something keeps a turn from going on, or its image from being seen. */
  broken(error: AvatarError): void;
  /** Once all that can be said is said, before `ended`. */
  failed(error: AvatarError): void;
  /** Nothing is left to say. */
  resting(): void;
}

/** A turn that was taken. */
export interface Asked {
  readonly utteranceId: string;
  readonly traceId: string;
  /** True once it can't be lost any more; false when the disk doesn't take it for now. Never rejects. */
  readonly stored: Promise<boolean>;
}
