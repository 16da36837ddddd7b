import type { Log } from '#base/log.ts';
import type { Speech, SpeechReport, SpokenClause } from '#server/media/types.ts';
import type { StagePort } from './ports.ts';

/** The clauses that were heard; one that was cut ends in an ellipsis. */
export function spokenText(spoken: readonly Pick<SpokenClause, 'clause' | 'complete'>[]): string {
  return spoken.map(({ clause, complete }) => (complete ? clause.text.trim() : `${clause.text.trim()}…`)).join(' ');
}

interface Playing {
  readonly stage: StagePort;
  readonly log: Log;
  /** Nothing more is to be said. */
  isOver(): boolean;
}

/** Plays `speeches` one after the other until something of one is heard, and gives that. Never rejects. */
export async function playFirst(speeches: Iterable<Speech>, { stage, log, isOver }: Playing): Promise<SpeechReport['spoken']> {
  try {
    for (const speech of speeches) {
      if (isOver()) break;
      const { spoken, error } = await stage.play(speech);
      if (error !== undefined) log.error({ err: error, utteranceId: speech.utteranceId }, 'an apology failed');
      if (spoken.length > 0) return spoken;
    }
  } catch (error) {
    log.error({ err: error }, 'no apology could be spoken');
  }
  return [];
}
