import { AvatarError } from '#base/errors.ts';
import type { Turn } from '#protocol/http.ts';
import { MemoryStore } from '#server/avatars/memory-store.ts';
import { KEPT_ENDED, KEPT_TURNS, type History, type KeptSession, type Recovered } from './history.ts';

/** Keeps sessions and turns as long as the process lives. What a session said is forgotten when it ends. */
export class MemoryHistory implements History {
  readonly avatars = new MemoryStore();
  readonly #sessions = new Map<string, KeptSession>();
  readonly #turns = new Map<string, Map<string, Turn>>();
  readonly #ended = new Map<string, number>();

  async recover(): Promise<Recovered> {
    return { sessions: [...this.#sessions.values()], ended: [...this.#ended.keys()].slice(-KEPT_ENDED) };
  }

  async begin(session: KeptSession): Promise<void> {
    if (!this.#ended.has(session.id) && !this.#sessions.has(session.id)) this.#sessions.set(session.id, session);
  }

  async save(sessionId: string, turn: Turn): Promise<void> {
    if (this.#ended.has(sessionId)) return;
    if (!this.#sessions.has(sessionId)) {
      throw new AvatarError('storage_failed', 'A turn needs a session that has begun.', { details: { kind: 'other' } });
    }
    const turns = this.#turns.get(sessionId) ?? new Map<string, Turn>();
    this.#turns.set(sessionId, turns.set(turn.utteranceId, { ...turn }));
    const oldest = turns.keys().next().value;
    if (turns.size > KEPT_TURNS && oldest !== undefined) turns.delete(oldest);
  }

  async turns(sessionId: string): Promise<readonly Turn[]> {
    return [...(this.#turns.get(sessionId)?.values() ?? [])].map((turn) => ({ ...turn }));
  }

  async end(sessionId: string, _reason: string, at: number): Promise<void> {
    if (!this.#sessions.delete(sessionId)) return;
    this.#turns.delete(sessionId);
    this.#ended.set(sessionId, at);
  }

  async prune(before: number): Promise<number> {
    const old = [...this.#ended].filter(([, at]) => at < before);
    for (const [id] of old) this.#ended.delete(id);
    return old.length;
  }

  async close(): Promise<void> {
    this.#turns.clear();
  }
}
