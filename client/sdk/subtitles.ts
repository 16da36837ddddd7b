import type { StageStatus } from '#protocol/http.ts';
import type { AnswerOf, Caption, TurnEvent } from '#protocol/signalling.ts';
import { Captions } from './captions.ts';
import type { Owned } from './owned.ts';
import { StageClock } from './stage-clock.ts';

/** How often captions are looked at, ms; well below what an eye notices. */
const TICK = 50;
/** Frames a caption stays after its clause, so that a pause doesn't make it flicker. */
const LINGER = 20;
/** Quartz drifts by some ms per minute. */
const SYNC_EVERY = 300_000;

export interface SubtitlesOptions {
  readonly owned: Owned;
  /** Asks the server where its stage is. */
  readonly status: () => Promise<StageStatus>;
  /** For HLS: the Unix ms of what is playing. */
  readonly playingMs: () => number | undefined;
  readonly onCaption: (caption: Caption | undefined) => void;
}

/** Tells each caption when its clause is heard. */
export class Subtitles {
  readonly #options: SubtitlesOptions;
  #captions = new Captions();
  #epochMs: number | undefined;
  readonly #clock = new StageClock();
  #shown: Caption | undefined;
  #stop: (() => void) | undefined;

  private constructor(options: SubtitlesOptions) {
    this.#options = options;
  }

  static open(options: SubtitlesOptions): Subtitles {
    const subtitles = new Subtitles(options);
    options.owned.every(SYNC_EVERY, () => void subtitles.sync());
    return subtitles;
  }

  begin(stage: AnswerOf<'join'>['stage']): void {
    // Another stage counts its frames from the start: what was to be shown in the old one's is void.
    if (this.#epochMs !== undefined && this.#epochMs !== stage.epochMs) this.#captions = new Captions();
    this.#epochMs = stage.epochMs;
    this.#clock.begin(stage, Date.now());
  }

  /** Learns the server's clock; where that fails, both wall clocks are believed. */
  async sync(): Promise<void> {
    const sentMs = this.#clock.nowMs;
    const status = await this.#options.status().catch(() => undefined);
    if (status) this.#clock.sync(status, sentMs);
  }

  add(caption: Caption): void {
    this.#captions.add(caption);
    this.#stop ??= this.#options.owned.every(TICK, () => this.#look());
  }

  ended(turn: TurnEvent): void {
    this.#captions.cut(turn, this.#clock.released ?? 0);
  }

  #look(): void {
    const now = this.#clock.heard(this.#options.playingMs());
    const caption = now === undefined ? undefined : this.#captions.at(now, LINGER);
    if (caption !== this.#shown) {
      this.#shown = caption;
      this.#options.onCaption(caption);
    }
    if (!this.#captions.isEmpty) return;
    this.#stop?.();
    this.#stop = undefined;
  }
}
