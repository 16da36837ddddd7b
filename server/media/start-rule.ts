import { TICKS_PER_FRAME, TICKS_PER_MS } from '#base/media.ts';
import type { Outlook } from '#base/outlook.ts';

/** Pictures that must be drawn before a clause starts, even with a fast renderer: enough to ride out one slow window. */
const HEAD_START = 2 * TICKS_PER_FRAME;
/** Voice that must be known when a clause is still being synthesised. */
const VOICE_HEAD_START = 8 * TICKS_PER_FRAME;
/** A renderer this close to real time gets the treatment of a slow one. */
const FAST_RTF = 0.9;

/**
 * Ms until the clause that begins at `from` (ticks of the utterance) may start so that it can't stall at the measured render rate;
 * 0 = now, undefined = not known yet. With a clause of C ticks, D of them drawn and r seconds of work per second of picture, the last picture is
 * drawn after (C − D)·r and shown after C, so D must be at least C·(1 − 1/r).
 */
export function waitBeforeClause(outlook: Outlook, from: number): number | undefined {
  const end = outlook.clauseEndAfter(from);
  const known = (end ?? outlook.known) - from;
  if (known <= 0) return undefined;
  if (end === undefined && !outlook.ended && known < VOICE_HEAD_START) return undefined;
  const drawn = Math.max(0, outlook.drawn - from);
  const slow = outlook.rtf > FAST_RTF ? Math.ceil(known * (1 - 1 / Math.max(outlook.rtf, 1))) : 0;
  const needed = Math.min(known, Math.max(HEAD_START, slow));
  return drawn >= needed ? 0 : ((needed - drawn) * outlook.rtf) / TICKS_PER_MS;
}
