/**
 * The media types every part shares. Time is an integer count of ticks at 48 kHz; see docs/architecture.md.
 * One 25 fps picture = 1,920 ticks, one 20 ms Opus frame = 960, 16 kHz audio = ticks ÷ 3, RTP video clock (90 kHz) = ticks × 15 ÷ 8.
 */
export const TICKS_PER_SECOND = 48_000;
export const TICKS_PER_MS = 48;
export const FPS = 25;
export const TICKS_PER_FRAME = 1_920;
export const MS_PER_FRAME = 40;
/** One 20 ms Opus frame (RFC 7587 §4.2). */
export const TICKS_PER_OPUS_FRAME = 960;
/** Sample rate for the ear, Hz. Equal to the tick rate, so samples are ticks. */
export const EAR_RATE = 48_000;
/** Sample rate renderers hear, Hz. */
export const RENDERER_RATE = 16_000;
/** Samples a renderer hears per picture. */
export const RENDERER_SAMPLES_PER_FRAME = 640;

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** One picture of what the host shows: a JPEG with nothing in it but the picture. It is never written anywhere. */
export interface Still extends Size {
  readonly jpeg: Uint8Array;
}

/** The smallest text given to TTS. `index` counts from 0 within its utterance. */
export interface Clause {
  readonly index: number;
  readonly text: string;
}

/** A character of a clause's text as its voice was given it, and when it is heard: from `start` to `end`, in samples from the clause's beginning. */
export interface Character {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A word of a clause as it is written, with its punctuation, and when it is heard: ticks from the clause's beginning. */
export interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Raw mono sound, signed 16 bit. `start` is the position of the first sample within its clause, in samples at `rate`. */
export interface PcmChunk {
  readonly samples: Int16Array;
  /** Hz. */
  readonly rate: number;
  readonly start: number;
  readonly clause: Clause;
  /** True on the last chunk of its clause (whose `samples` may be empty). */
  readonly endOfClause: boolean;
  /** Those that became known with this chunk, in order; only from voices that tell. They may be heard in a later one. */
  readonly characters?: readonly Character[] | undefined;
}

/**
 * What a renderer gets: fresh audio plus overlap with the window before, mono s16 at 16 kHz, whole frames.
 * `samples.length === (overlapFrames + freshFrames) × 640`; the overlap comes first, and is silence before the utterance's start.
 */
export interface Window {
  readonly index: number;
  /** Frame number, within the utterance, of the first fresh frame. */
  readonly startFrame: number;
  readonly overlapFrames: number;
  readonly freshFrames: number;
  readonly samples: Int16Array;
  /** The sound that follows, for renderers that hear ahead: `lookAheadFrames × 640` samples, silence after the clause's end. */
  readonly ahead?: Int16Array;
  readonly clause: Clause;
  /** A window ends with its clause, so that a pause may fall there; it is then padded with silence to whole frames. */
  readonly endOfClause: boolean;
}

/** A raw picture, I420 (planes Y, U, V one after the other, no row padding; width and height even). */
export interface VideoFrame extends Size {
  readonly data: Uint8Array;
  /** Why it is less than was promised, in words: drawn smaller, or by another; undefined for what is as it should be. */
  readonly lesser?: string | undefined;
  /**
   * Gives the memory back now, for who has drawn the picture for one use: 10 MB/s that wait for the garbage collector make it run each second.
   * Called by the last who needs the picture, if at all; `data` is empty or shows another one afterwards.
   */
  free?(): void;
}

/** A rendered picture with its place in the utterance. Renderers yield them in ascending order of `frame`; a missing number was dropped. */
export interface DrawnFrame {
  readonly frame: number;
  readonly picture: VideoFrame;
}

/**
 * One 40 ms instant of speech: 1,920 samples of sound at 48 kHz and the picture that belongs to it.
 * The sound is there from the start; `picture` is filled in when it has been drawn, and stays undefined if it never is.
 */
export interface AvFrame {
  /** Number within the utterance, from 0. */
  readonly frame: number;
  readonly sound: Int16Array;
  readonly clause: Clause;
  readonly startOfClause: boolean;
  readonly endOfClause: boolean;
  picture: VideoFrame | undefined;
}

/** Encoded media. `ticks` is its position on the stage's clock. */
export interface Packet {
  readonly kind: 'video' | 'audio';
  /** H.264 as Annex B (one access unit, parameter sets before each IDR), or one Opus packet. */
  readonly data: Uint8Array;
  readonly ticks: number;
  readonly keyframe: boolean;
}

export const i420Bytes = ({ width, height }: Size): number => (width * height * 3) / 2;

/** Sample rate the microphone is heard at, Hz. */
export const MICROPHONE_RATE = 16_000;

/** Up to 60 ms of the host's microphone: mono s16 at 16 kHz, gapless; what was lost is concealed. */
export interface MicrophoneChunk {
  readonly samples: Int16Array;
  /** Clock ms when its last sample was there. Never goes back. */
  readonly at: number;
  readonly concealed: boolean;
}
