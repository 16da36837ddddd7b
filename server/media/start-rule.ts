import { TICKS_PER_FRAME } from '#base/media.ts';
import type { Outlook } from '#base/outlook.ts';

/** Which comes first: each clause as soon as it can't stall, or an utterance without pauses between its clauses. */
export type Preference = 'prompt' | 'smooth';

/** Pictures that must be drawn before a clause starts, also with a fast renderer. */
const HEAD_START = 2 * TICKS_PER_FRAME;
/** Voice that must be known when a clause is still being synthesised. */
const VOICE_HEAD_START = 8 * TICKS_PER_FRAME;
/** A renderer this close to real time gets the treatment of a slow one: where a clause ends must be known before it starts. */
const FAST_RTF = 0.9;
/** For an utterance without pauses a listener waits so long, ms, and no longer. */
const SMOOTH_PATIENCE = 30_000;

/**
 * Ms from `now` until the clause that begins at `from` (ticks of the utterance) may start so that it can't stall while the renderer keeps its
 * pace; 0 = now, undefined = not known yet.
 */
export function waitBeforeClause(outlook: Outlook, from: number, now: number): number | undefined {
  return waitFor(outlook, from, outlook.clauseEndAfter(from), now);
}

/** The same for a whole utterance, as far as its clauses are known: from its start to its end no pause. `heardFor` = ms since its first sound was there. */
export function waitBeforeUtterance(outlook: Outlook, now: number, heardFor: number): number | undefined {
  const clause = waitBeforeClause(outlook, 0, now);
  const whole = waitFor(outlook, 0, outlook.clauseEnds.at(-1), now);
  if (clause === undefined || whole === undefined) return clause;
  return Math.min(whole, Math.max(clause, SMOOTH_PATIENCE - heardFor));
}

function waitFor(outlook: Outlook, from: number, end: number | undefined, now: number): number | undefined {
  const to = end ?? outlook.known;
  if (to <= from) return undefined;
  // Nothing more will be drawn before something is taken.
  if (outlook.held) return 0;
  if (end === undefined && !outlook.ended && (outlook.rtf > FAST_RTF || to - from < VOICE_HEAD_START)) return undefined;
  const wait = Math.max(0, outlook.safeStart(from, to, now) - now);
  return outlook.drawn - from >= Math.min(to - from, HEAD_START) ? wait : Math.max(wait, 1);
}
