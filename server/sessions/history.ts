import type { Turn } from '#protocol/http.ts';
import type { Prompt } from '#server/llm/llm.ts';

/** Where turns are kept. */
export interface History {
  /** Adds the turn, or replaces the one with its `utteranceId`. */
  save(sessionId: string, turn: Turn): Promise<void>;
  /** Oldest first. */
  turns(sessionId: string): Promise<readonly Turn[]>;
  forget(sessionId: string): Promise<void>;
}

/** Most turns kept of one session; older ones are forgotten. */
const KEPT = 500;
/** Most turns a model is reminded of. */
const REMEMBERED = 20;

export class MemoryHistory implements History {
  readonly #turns = new Map<string, Map<string, Turn>>();

  async save(sessionId: string, turn: Turn): Promise<void> {
    const turns = this.#turns.get(sessionId) ?? new Map<string, Turn>();
    this.#turns.set(sessionId, turns.set(turn.utteranceId, { ...turn }));
    const oldest = turns.keys().next().value;
    if (turns.size > KEPT && oldest !== undefined) turns.delete(oldest);
  }

  async turns(sessionId: string): Promise<readonly Turn[]> {
    return [...(this.#turns.get(sessionId)?.values() ?? [])];
  }

  async forget(sessionId: string): Promise<void> {
    this.#turns.delete(sessionId);
  }
}

/** The conversation as it was really heard, ending with `text`: what was cut off before it was spoken is not in it. */
export function messages(past: readonly Turn[], text: string): Prompt['messages'] {
  const heard = past
    .filter((turn) => turn.spoken !== '')
    .slice(-REMEMBERED)
    .flatMap(({ mode, prompt, spoken }) => [
      ...(mode === 'chat' && prompt !== undefined ? [{ role: 'user' as const, content: prompt }] : []),
      { role: 'assistant' as const, content: spoken },
    ]);
  return [...heard, { role: 'user', content: text }];
}
