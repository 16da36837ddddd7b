import type { Clock } from '#base/clock.ts';
import { MS_PER_FRAME, TICKS_PER_FRAME } from '#base/media.ts';
import type { Caption } from '#protocol/signalling.ts';
import type { ClauseOnAir } from '#server/media/types.ts';
import type { HlsPort, StagePort } from './ports.ts';

/** A phrase of the host as it is understood so far. */
export interface HostCaption {
  /** The same for what is the same phrase. */
  readonly id: string;
  readonly text: string;
  /** It won't be understood otherwise any more. */
  readonly final: boolean;
  /** Clock ms. */
  readonly startMs: number;
  readonly endMs: number;
}

export interface CaptionsOptions {
  readonly stage: Pick<StagePort, 'status' | 'sync'>;
  readonly hls: Pick<HlsPort, 'caption'>;
  readonly clock: Clock;
  readonly tell: (caption: Caption) => void;
}

/** What silence takes to come once it is asked for: the next packet of sound fades out, ms. */
const FADE_MS = 20;

/** What both sides say, in stage time: told ahead of the voice, and again when more is known of it or when it is cut. */
export class Captions {
  readonly #options: CaptionsOptions;
  #told: Caption | undefined;
  #leave: () => void = () => undefined;

  constructor(options: CaptionsOptions) {
    this.#options = options;
  }

  /** A clause goes on air, or on at another place. */
  clause(onAir: ClauseOnAir): void {
    this.#leave();
    this.#told = undefined;
    this.#leave = onAir.outlook.onWords((index) => index === onAir.clause.index && this.#tell(captionOf(onAir)));
    this.#tell(captionOf(onAir));
  }

  /** Silence from now on: what hasn't been heard of the clause on air is taken back, until it goes on. */
  cut(): void {
    const told = this.#told;
    this.#leave();
    if (!told) return;
    const end = this.#heardUntil(FADE_MS);
    if (end >= told.end) return;
    const words = told.words?.filter(({ start }) => start < end).map((word) => ({ ...word, end: Math.min(word.end, end) }));
    this.#tell({ ...told, end: Math.max(told.start, Math.ceil(end)), ...(words ? { words } : {}) });
    this.#told = undefined;
  }

  /** @see Session.hostCaption */
  host({ id, text, final, startMs, endMs }: HostCaption): void {
    const { clock } = this.#options;
    const [start, end] = [startMs, endMs].map((ms) => this.#frameAt(ms - clock.now())) as [number, number];
    this.#say({ who: 'host', utteranceId: id, clause: 0, text, final, start: Math.floor(start), end: Math.ceil(end) });
  }

  close(): void {
    this.#leave();
  }

  #tell(caption: Caption): void {
    this.#told = caption;
    this.#say(caption);
  }

  #say(caption: Caption): void {
    this.#options.hls.caption(caption);
    this.#options.tell(caption);
  }

  /** The stage frame, with fractions, whose sound is handed over `inMs` from now. */
  #heardUntil(inMs: number): number {
    return this.#frameAt(inMs + this.#options.stage.sync.status().leadMs);
  }

  #frameAt(inMs: number): number {
    return (this.#options.clock.wall() + inMs - this.#options.stage.status().epochMs) / MS_PER_FRAME;
  }
}

function captionOf({ utteranceId, clause, outlook, startFrame, endFrame }: ClauseOnAir): Caption {
  const { words = [], length } = outlook.wordsOf(clause.index) ?? {};
  const frame = (ticks: number): number => Math.round((startFrame + ticks / TICKS_PER_FRAME) * 1_000) / 1_000;
  const timed = words.map(({ text, start, end }) => ({ text, start: frame(start), end: frame(end) }));
  return {
    utteranceId,
    clause: clause.index,
    text: clause.text,
    start: startFrame,
    end: length === undefined ? endFrame : startFrame + Math.ceil(length / TICKS_PER_FRAME),
    ...(timed.length > 0 ? { words: timed } : {}),
  };
}
