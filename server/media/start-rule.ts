import { TICKS_PER_FRAME } from '#base/media.ts';
import type { Outlook } from '#base/outlook.ts';

/** Which comes first: each clause as soon as it can't stall, or an utterance without pauses between its clauses. */
export type Preference = 'prompt' | 'smooth';

/** Pictures that must be drawn before a clause starts, also with a fast renderer. */
const HEAD_START = 2 * TICKS_PER_FRAME;
/** Voice that must be known when a clause is still being synthesised. */
const VOICE_HEAD_START = 8 * TICKS_PER_FRAME;
/** While it isn't known where a clause ends, it is taken to go on for so long: a slow renderer then waits to know. */
const LONG_CLAUSE = 500 * TICKS_PER_FRAME;
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
  const known = end ?? outlook.known;
  if (known <= from) return undefined;
  // Nothing more will be drawn before something is taken.
  if (outlook.held) return 0;
  const isOpen = end === undefined && !outlook.ended;
  if (isOpen && known - from < VOICE_HEAD_START) return undefined;
  const to = isOpen ? Math.max(known, from + LONG_CLAUSE) : known;
  const wait = Math.max(0, outlook.safeStart(from, to, now) - now);
  if (wait === Number.POSITIVE_INFINITY) return undefined;
  const isBegun = outlook.drawn - from >= Math.min(known - from, HEAD_START);
  if (isBegun) return isOpen && wait > 0 ? undefined : wait;
  return isOpen ? undefined : Math.max(wait, 1);
}
