import type { Still } from '#base/media.ts';
import type { PromptAccepted } from '#protocol/http.ts';
import type { Heard } from '#server/telemetry/timeline.ts';
import type { Asked } from './asking.ts';
import type { Turns } from './turns.ts';

/** A reply to what may not be all that the host has to say. */
export interface Draft {
  /** It was, in these words: where they are others than it was begun with, it is begun anew. Resolves and throws as `prompt` does. */
  confirm(text: string, heard: Heard): Promise<PromptAccepted>;
  /** It was not: its streams end. Nothing happens once it is confirmed. */
  discard(): void;
}

export interface DraftOptions {
  readonly turns: Turns;
  /** What the host shows with it. */
  readonly still: Promise<Still | undefined> | undefined;
  /** Asks once the session takes prompts. */
  accept(ask: () => Asked): Promise<PromptAccepted>;
}

export function draftOf(text: string, { turns, still, accept }: DraftOptions): Draft {
  const pending = turns.draft(text, still);
  let isOpen = true;
  return {
    confirm: (said, heard) =>
      accept(() => {
        const asked = isOpen ? turns.confirm(pending, said, heard) : turns.add('chat', said, { heard, still: () => still });
        isOpen = false;
        return asked;
      }),
    discard: () => {
      if (isOpen) turns.discard(pending);
      isOpen = false;
    },
  };
}
