import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { CreateSession, Turn } from '#protocol/http.ts';
import { KeptAvatar } from '#server/avatars/store.ts';
import { KEPT_ENDED, KEPT_TURNS, type KeptSession, type Recovered } from '../history.ts';

/** Sessions forgotten at once, so that no prompt has to wait long for its own write. */
const PRUNED = 50;

const SQL = {
  open: 'SELECT id, request, created_at FROM sessions WHERE ended_at IS NULL ORDER BY created_at, id',
  ended: `SELECT id FROM sessions WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT ${KEPT_ENDED}`,
  begin: 'INSERT INTO sessions (id, request, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  save: `INSERT INTO turns (session_id, utterance_id, mode, prompt, spoken, state, reason, asked_at, started_at, ended_at, trace_id, image)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (session_id, utterance_id) DO UPDATE SET spoken = excluded.spoken, state = excluded.state,
      reason = excluded.reason, started_at = excluded.started_at, ended_at = excluded.ended_at,
      trace_id = excluded.trace_id, image = excluded.image`,
  shorten: `DELETE FROM turns WHERE session_id = ?1 AND seq <=
    (SELECT seq FROM turns WHERE session_id = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ${KEPT_TURNS})`,
  turns: 'SELECT * FROM turns WHERE session_id = ? ORDER BY seq',
  end: 'UPDATE sessions SET ended_at = ?, ended_because = ? WHERE id = ? AND ended_at IS NULL',
  finish: `UPDATE turns SET state = 'interrupted', reason = ?, ended_at = ?
    WHERE session_id = ? AND state IN ('queued', 'thinking', 'speaking')`,
  avatars: 'SELECT id, record FROM avatars ORDER BY created_at, id',
  putAvatar: `INSERT INTO avatars (id, created_at, record) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET record = excluded.record`,
  removeAvatar: 'DELETE FROM avatars WHERE id = ?',
  prune: `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ended_at < ? LIMIT ${PRUNED})`,
} as const;

/** What can be asked of the database, one method per call of the port; each throws what SQLite says. */
export class Rows {
  readonly #sql: Readonly<Record<keyof typeof SQL, StatementSync>>;

  constructor(db: DatabaseSync) {
    const prepared = Object.entries(SQL).map(([name, sql]) => [name, db.prepare(sql)] as const);
    this.#sql = Object.fromEntries(prepared) as Record<keyof typeof SQL, StatementSync>;
  }

  recover(): Recovered & { readonly unreadable: readonly string[] } {
    const sessions: KeptSession[] = [];
    const unreadable: string[] = [];
    for (const { id, request, created_at } of this.#sql.open.all()) {
      const parsed = CreateSession.safeParse(parse(String(request)));
      if (parsed.success) sessions.push({ id: String(id), request: parsed.data, createdAt: Number(created_at) });
      else unreadable.push(String(id));
    }
    return { sessions, ended: this.#sql.ended.all().map(({ id }) => String(id)), unreadable };
  }

  begin({ id, request, createdAt }: KeptSession): void {
    this.#sql.begin.run(id, JSON.stringify(request), createdAt);
  }

  save(sessionId: string, turn: Turn): void {
    const { utteranceId, mode, prompt, spoken, state, reason, askedAt, startedAt, endedAt, traceId, image } = turn;
    const asked = [sessionId, utteranceId, mode, prompt ?? null] as const;
    const times = [askedAt, startedAt ?? null, endedAt ?? null] as const;
    this.#sql.save.run(...asked, spoken, state, reason ?? null, ...times, traceId ?? null, image ?? null);
    if (state === 'queued') this.#sql.shorten.run(sessionId);
  }

  turns(sessionId: string): Turn[] {
    return this.#sql.turns.all(sessionId).map((row) =>
      Turn.parse({
        utteranceId: row['utterance_id'],
        mode: row['mode'],
        prompt: row['prompt'] ?? undefined,
        spoken: row['spoken'],
        state: row['state'],
        reason: row['reason'] ?? undefined,
        askedAt: row['asked_at'],
        startedAt: row['started_at'] ?? undefined,
        endedAt: row['ended_at'] ?? undefined,
        traceId: row['trace_id'] ?? undefined,
        image: row['image'] ?? undefined,
      }),
    );
  }

  end(sessionId: string, reason: string, at: number): void {
    this.#sql.end.run(at, reason, sessionId);
    this.#sql.finish.run(reason, at, sessionId);
  }

  avatars(): { readonly avatars: readonly KeptAvatar[]; readonly unreadable: readonly string[] } {
    const avatars: KeptAvatar[] = [];
    const unreadable: string[] = [];
    for (const { id, record } of this.#sql.avatars.all()) {
      const parsed = KeptAvatar.safeParse(parse(String(record)));
      if (parsed.success) avatars.push(parsed.data);
      else unreadable.push(String(id));
    }
    return { avatars, unreadable };
  }

  putAvatar(avatar: KeptAvatar): void {
    this.#sql.putAvatar.run(avatar.id, avatar.createdAt, JSON.stringify(avatar));
  }

  removeAvatar(id: string): void {
    this.#sql.removeAvatar.run(id);
  }

  prune(before: number): number {
    return Number(this.#sql.prune.run(before).changes);
  }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
