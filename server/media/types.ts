import type { AvFrame, Clause, Packet, Word } from '#base/media.ts';
import type { Outlook } from '#base/outlook.ts';

/** One utterance handed to the stage. */
export interface Speech {
  readonly utteranceId: string;
  readonly frames: AsyncIterable<AvFrame>;
  readonly outlook: Outlook;
}

export interface SpokenClause {
  readonly clause: Clause;
  readonly complete: boolean;
  /** Ticks of it that were heard. */
  readonly heard: number;
  /** Ticks of its voice, as far as that was made. */
  readonly length?: number | undefined;
  /** When its words are heard, as far as that is known. */
  readonly words?: readonly Word[] | undefined;
}

/** What became of an utterance: the clauses that were heard to their end or in part. Always resolves, once it is off air. */
export interface SpeechReport {
  readonly outcome: 'done' | 'interrupted' | 'failed';
  /** Why the utterance's frames ended early, when they failed. */
  readonly error?: unknown;
  readonly spoken: readonly SpokenClause[];
  /** Monotonic ms of the first spoken frame's release; undefined when nothing was spoken. */
  readonly startedAt: number | undefined;
}

export interface ClauseOnAir {
  readonly utteranceId: string;
  readonly clause: Clause;
  /** Knows its words, more and more of them. */
  readonly outlook: Outlook;
  /** Stage frame numbers: its first picture, and the one after its last as far as known. */
  readonly startFrame: number;
  readonly endFrame: number;
}

export type StageEvents = {
  /** A clause goes on air; sent when its first sound is handed over, a lead before its first picture, and with new times when it goes on after it was ducked or ran dry. */
  clause: [ClauseOnAir];
  /** Inside a clause there is silence from now on. */
  brokenOff: [];
  /** The first packet of a voice after silence was handed to mediasoup. */
  voice: [];
  /** The last sound of a clause was handed over. */
  clauseOver: [{ utteranceId: string; clause: Clause }];
  /** Speech started, paused before a clause (with ms to go; said again as that changes), goes on without its pictures (why, in words), is ducked, or ended. */
  air: [
    { state: 'speaking' | 'buffering' | 'degraded' | 'ducked' | 'idle'; etaMs?: number; reason?: string; utteranceId?: string },
  ];
};

/** Takes the stage's packets, the very ones WebRTC gets, in order of `ticks` per kind. Must not block. */
export interface PacketSink {
  write(packet: Packet): void;
}

/** Hears what the stage says: 960 samples at 48 kHz, mono, and the clock ms at which their packet was due: viewers' buffers play by that, and a late hand-over moves nothing. */
export type OwnVoice = (samples: Int16Array, at: number) => void;
