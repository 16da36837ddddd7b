/** One 32 ms frame of the host's microphone, as the ear judged it. */
export interface FloorFrame {
  /** Clock ms when its last sample was there. */
  readonly at: number;
  /** Probability of speech, 0…1. */
  readonly speech: number;
  /** Somebody else than the avatar is heard in it. */
  readonly near: boolean;
}

/** What a recogniser made of a phrase. Each phrase gets one final text in the end, empty where there was none to recognise. */
export interface HeardText {
  readonly phrase: number;
  readonly text: string;
  readonly final: boolean;
  readonly at: number;
}

/**
 * Why a phrase came to nothing: the avatar's own voice heard back, no words, a sign of listening that takes no floor, a command that is carried out
 * by the interruption itself, or a recogniser that never answered.
 */
export type Dismissal = 'echo' | 'noise' | 'backchannel' | 'command' | 'unheard';

/**
 * What the floor wants done, in order. Each phrase that begins ends once, and then comes to one `turn` or one `dismiss`.
 * A `draft` stands until its `discard` or until the `turn` that says the same words, which confirms it.
 * `duck` is followed by `unduck` or `interrupt`; `interrupt` may also come alone, and always before a `turn` that replaces a reply.
 */
export type FloorAct =
  /** Clock ms: `from` when its sound begins, preroll included, `since` when its voice set in. */
  | { readonly act: 'phraseBegins'; readonly phrase: number; readonly from: number; readonly since: number }
  | { readonly act: 'phraseEnds'; readonly phrase: number }
  | { readonly act: 'dismiss'; readonly phrase: number; readonly why: Dismissal }
  /** The host took the floor, or leaves it again without a turn. */
  | { readonly act: 'listens' | 'leaves' }
  | { readonly act: 'duck' | 'unduck' | 'interrupt' }
  | { readonly act: 'nod' }
  | { readonly act: 'draft'; readonly text: string }
  | { readonly act: 'discard' }
  | { readonly act: 'turn'; readonly text: string; readonly lastVoicedAt: number; readonly phrases: readonly number[] };

export interface FloorOptions {
  /** BCP 47. */
  readonly language: string;
  /** Probability from which a frame counts as voice. */
  readonly voiceFrom: number;
  /** Voice before it is believed: a phrase begins, the avatar is ducked; ms. */
  readonly onsetMs: number;
  /** Sound before the onset that belongs to the phrase, ms. */
  readonly prerollMs: number;
  /** Silence that ends a phrase, ms. */
  readonly pauseMs: number;
  /** A voice without a pause is cut into phrases of this, ms. */
  readonly longestMs: number;
  /** Silence that ends a turn, ms since the last voiced frame: after a clause that sounds finished, one that might be, and one that goes on. */
  readonly finishedMs: number;
  readonly unsureMs: number;
  readonly unfinishedMs: number;
  /** How long a duck may stay undecided, ms. */
  readonly decideMs: number;
  /** A text that hasn't changed for so long is stable enough for a draft, ms. */
  readonly stableMs: number;
  /** Drafts a turn may cost; 0 for none. */
  readonly drafts: number;
  /** A phrase's final text is waited for so long before the turn goes on without it, ms, and so long before it is given up. */
  readonly finalWithinMs: number;
  readonly giveUpMs: number;
}

/** The silence that ends a turn, ms since its last voiced frame: after a clause that sounds finished, and after one that goes on. */
export interface Patience {
  readonly finished: number;
  readonly unfinished: number;
}

/** What may be finished or not waits for this share of the time between the two. */
const UNSURE = 7 / 19;

export const patienceOf = ({ finished, unfinished }: Patience) => ({
  finishedMs: finished,
  unsureMs: Math.round(finished + (unfinished - finished) * UNSURE),
  unfinishedMs: unfinished,
});

export const FLOOR: FloorOptions = {
  language: 'en',
  voiceFrom: 0.5,
  onsetMs: 96,
  prerollMs: 300,
  pauseMs: 200,
  longestMs: 30_000,
  ...patienceOf({ finished: 250, unfinished: 1_200 }),
  decideMs: 600,
  stableMs: 100,
  drafts: 3,
  finalWithinMs: 5_000,
  giveUpMs: 30_000,
};
