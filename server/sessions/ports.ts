import type { EventEmitter } from 'node:events';
import type { Clock } from '#base/clock.ts';
import type { AvatarError } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { Still } from '#base/media.ts';
import type { ImageFate, Turn } from '#protocol/http.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { Prompt } from '#server/llm/llm.ts';
import type { Ear } from '#server/listening/ear.ts';
import type { Broadcast, BroadcastEvents } from '#server/media/broadcast.ts';
import type { HlsRendition, RenditionEvents } from '#server/media/hls/rendition.ts';
import type { MicrophoneLine, MicrophoneLineEvents } from '#server/media/microphone-line.ts';
import type { Stage } from '#server/media/stage.ts';
import type { Sync } from '#server/media/sync.ts';
import type { Speech, StageEvents } from '#server/media/types.ts';
import type { Viewer } from '#server/media/viewer.ts';
import type { Spent } from '#server/telemetry/spending.ts';
import type { TurnStage } from '#server/telemetry/timeline.ts';
import type { KeptSession } from './history.ts';
import type { Journal } from './journal.ts';

/** What sessions, signalling and HTTP need of each part of a stage, and no more. */
export type StagePort = EventEmitter<StageEvents> &
  Pick<Stage, 'play' | 'cut' | 'duck' | 'unduck' | 'attend' | 'nod' | 'drain' | 'status'> & {
    readonly sync: Pick<Sync, 'report' | 'forget' | 'status'>;
  };

export type ViewerPort = Pick<Viewer, 'transportOptions' | 'connect' | 'consume' | 'resume' | 'restartIce' | 'close'>;

export type MicrophonePort = EventEmitter<MicrophoneLineEvents> &
  Pick<MicrophoneLine, 'transportOptions' | 'connect' | 'produce' | 'restartIce' | 'close'>;

export type ViewersPort = EventEmitter<BroadcastEvents> &
  Pick<Broadcast, 'rtpCapabilities' | 'counts'> & {
    open(kind: 'webrtc'): Promise<ViewerPort>;
    openMicrophone(host: string): Promise<MicrophonePort>;
  };

export type WhepPort = Pick<Broadcast, 'offer' | 'patch' | 'delete'>;

export type HlsPort = EventEmitter<RenditionEvents> &
  Pick<HlsRendition, 'viewers' | 'playlist' | 'captions' | 'variants' | 'caption' | 'file' | 'finish'>;

export type EarPort = Pick<Ear, 'serve' | 'rested'>;

/** The model and the voice, bound to the session's avatar and renderer. */
export interface Talk {
  /** The model's answer as speech. */
  speak(prompt: Prompt, utterance: Utterance): Speech;
  /** `text` as it is. */
  say(text: string, utterance: Utterance): Speech;
  /**
   * The avatar's word on `error`, which kept it from going on, numbered from clause `from`: in voices to be tried one after the other until one
   * is heard. None when nothing can be said about it.
   */
  apologies(error: AvatarError, utterance: Utterance, from: number): Iterable<Speech>;
  /** A short word of somebody who thinks; undefined where there is none in its language, or none is wanted. */
  filler(utterance: Utterance): Speech | undefined;
  /** Tokens of the conversation that the model is given with a prompt. */
  readonly memory: number;
  /** The model takes images. */
  readonly sees: boolean;
}

export interface Utterance {
  readonly id: string;
  /** 32 hex digits (W3C Trace Context): the same in all that is logged and told of this turn, here and where its work is done. */
  readonly traceId: string;
  /** BCP 47. */
  readonly language: string;
  /** The provider's voice id; undefined = its default. */
  readonly voice: string | undefined;
  /** Aborts when the utterance is interrupted, and once it is over. */
  readonly signal: AbortSignal;
  mark(stage: TurnStage): void;
  /** What it used so far; added to as it goes. */
  readonly spent: Spent;
  /** The model asks the server for something, and its answer has to wait. */
  readonly working?: (() => void) | undefined;
  /** What the host shows with the prompt; none when that doesn't come in time. */
  readonly still?: Promise<Still | undefined> | undefined;
  /** That was not seen, and it is answered without. */
  readonly unseen?: ((why: Exclude<ImageFate, 'seen'>) => void) | undefined;
  /** Nothing more than its first clause is made, and no picture is drawn, before this resolves; nothing holds it up when left out. */
  readonly confirmed?: Promise<void> | undefined;
}

/** Everything one session is made of; closed as a whole, with the session. */
export interface SessionParts {
  readonly avatar: {
    readonly id: string;
    readonly name: string;
    /** Said at the start of a session that brings none of its own. */
    readonly greeting?: string | undefined;
    /** BCP 47, of a session that names none. */
    readonly language?: string | undefined;
    /** Why its picture is less than it should be, where it is. */
    readonly lesser?: string | undefined;
  };
  readonly stage: StagePort;
  readonly viewers: ViewersPort;
  readonly whep: WhepPort;
  readonly hls: HlsPort;
  readonly ear: EarPort;
  readonly talk: Talk;
  close(reason: string): Promise<void>;
}

/**
 * Makes the parts of a session, a new one or one from before a restart; `ageMs` is how long it had parts elsewhere before.
 * Throws AvatarError, e.g. `avatar_not_found`; nothing is left behind then.
 */
export type OpenParts = (session: KeptSession, ageMs: number) => Promise<SessionParts>;

export interface SessionOptions {
  readonly kept: KeptSession;
  /** What was said in it before, oldest first; undefined for a new session, which greets. */
  readonly past?: readonly Turn[];
  /** Its beginning is on disk. */
  readonly stored: boolean;
  readonly parts: SessionParts;
  readonly journal: Journal;
  /** ms without viewer, prompt or speech until the session closes itself. */
  readonly idleTimeout: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}
