import { MS_PER_FRAME } from '#base/media.ts';
import type { ToldCaption } from './host.ts';

/** Once: how far the voice went back when it went on, ms, and whether that is where it was silenced: at most a long word before. */
export interface WentBack {
  readonly ms: number;
  readonly isSame: boolean;
}

/** What the longest word takes, and how far off the moment may be at which the news of it arrived here, ms. */
const LONGEST_WORD = 1_200;
const ROUGHLY = 120;

/**
 * Each time that a clause was cut and told again: its captions say where in it the voice was silenced, and where it would have begun had it never been
 * silent, which together with the moment of going on is where it went on.
 */
export function wentBack(captions: readonly ToldCaption[], epochMs: number): WentBack[] {
  return captions.flatMap(({ at, caption }, index) => {
    const cut = captions[index - 1]?.caption;
    if (!cut || cut.utteranceId !== caption.utteranceId || cut.clause !== caption.clause || cut.start === caption.start)
      return [];
    const goesOnAt = (at - epochMs) / MS_PER_FRAME - caption.start;
    const ms = Math.round((cut.end - cut.start - goesOnAt) * MS_PER_FRAME);
    return [{ ms, isSame: ms > -ROUGHLY && ms < LONGEST_WORD }];
  });
}
