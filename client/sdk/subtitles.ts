import type { StageStatus } from '#protocol/http.ts';
import type { AnswerOf, Caption, TurnEvent } from '#protocol/signalling.ts';
import { Captions, type ShownCaption } from './captions.ts';
import type { Owned } from './owned.ts';
import { StageClock } from './stage-clock.ts';

/** How often captions are looked at, ms: a word may be shown so much late. */
const TICK = 15;
/** Frames a caption stays after its clause, so that a pause doesn't make it flicker. */
const LINGER = 20;
/** The host's words stay longer: they are read to see whether one was understood. */
const HOST_LINGER = 75;
/** Quartz drifts by some ms per minute. */
const SYNC_EVERY = 300_000;

export interface SubtitlesOptions {
  readonly owned: Owned;
  /** Asks the server where its stage is. */
  readonly status: () => Promise<StageStatus>;
  /** For HLS: the Unix ms of what is playing. */
  readonly playingMs: () => number | undefined;
  readonly onCaption: (caption: ShownCaption | undefined, who: 'avatar' | 'host') => void;
}

/** Tells each word when it is heard. */
export class Subtitles {
  readonly #options: SubtitlesOptions;
  #captions = new Captions();
  #epochMs: number | undefined;
  readonly #clock = new StageClock();
  readonly #shown: { avatar?: ShownCaption | undefined; host?: ShownCaption | undefined } = {};
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

  picture(rtpTimestamp: number, shownMs: number): void {
    this.#clock.picture(rtpTimestamp, shownMs);
  }

  #look(): void {
    const now = this.#clock.heard(this.#options.playingMs());
    for (const who of ['host', 'avatar'] as const) {
      const caption = now === undefined ? undefined : this.#captions.at(now, who === 'host' ? HOST_LINGER : LINGER, who);
      if (isSame(caption, this.#shown[who])) continue;
      this.#shown[who] = caption;
      this.#options.onCaption(caption, who);
    }
    if (!this.#captions.isEmpty) return;
    this.#stop?.();
    this.#stop = undefined;
  }
}

const isSame = (one: ShownCaption | undefined, other: ShownCaption | undefined): boolean =>
  one?.utteranceId === other?.utteranceId &&
  one?.clause === other?.clause &&
  one?.heard === other?.heard &&
  one?.text === other?.text &&
  one?.final === other?.final;
