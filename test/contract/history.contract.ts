import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Turn } from '#protocol/http.ts';
import { KEPT_ENDED, KEPT_TURNS, type History } from '#server/sessions/history.ts';

/** What every keeper of history has to hold. `open` gives an empty one; what was opened is closed by the contract. */
export function historyContract(name: string, open: () => Promise<History>): void {
  describe(`${name} as history`, () => {
    let history: History;
    beforeEach(async () => {
      history = await open();
    });
    afterEach(() => history.close());

    const begin = (id: string, createdAt = 1) =>
      history.begin({ id, request: { greeting: `hello from ${id}`, hls: 'always' }, createdAt });

    it('gives sessions back as they began, oldest first, however often they begin', async () => {
      await begin('session-b', 1);
      await begin('session-a', 2);
      await begin('session-b', 3);
      expect(await history.recover()).toEqual({
        sessions: [
          { id: 'session-b', request: { greeting: 'hello from session-b', hls: 'always' }, createdAt: 1 },
          { id: 'session-a', request: { greeting: 'hello from session-a', hls: 'always' }, createdAt: 2 },
        ],
        ended: [],
      });
    });

    it('gives turns back as they were saved last, in the order they came first, each session its own', async () => {
      await begin('session-1');
      await begin('session-2');
      const every = turn('utterance-1', {
        reason: 'because',
        startedAt: 2,
        endedAt: 3,
        state: 'failed',
        traceId: 'f'.repeat(32),
        image: 'refused',
      });
      const { prompt: _, ...greeting } = turn('utterance-2', { mode: 'greeting', spoken: 'Grüß dich 👋 \u0000 "x"' });
      await Promise.all([
        history.save('session-1', turn('utterance-1')),
        history.save('session-1', greeting),
        history.save('session-2', turn('utterance-1', { prompt: 'of another' })),
        history.save('session-1', every),
      ]);
      expect(await history.turns('session-1')).toEqual([every, greeting]);
      expect(await history.turns('session-2')).toEqual([turn('utterance-1', { prompt: 'of another' })]);
      expect(await history.turns('session-3')).toEqual([]);
    });

    it('takes a turn as it is when it is saved, and what it gives is nobody else’s', async () => {
      await begin('session-1');
      const live = turn('utterance-1', { spoken: 'before' });
      const saving = history.save('session-1', live);
      live.spoken = 'after';
      await saving;
      const [given] = await history.turns('session-1');
      expect(given?.spoken).toBe('before');
      if (given) given.spoken = 'changed';
      expect((await history.turns('session-1'))[0]?.spoken).toBe('before');
    });

    it('keeps the newest turns of a long session', async () => {
      await begin('session-1');
      const all = Array.from({ length: KEPT_TURNS + 3 }, (_, n) => turn(`utterance-${n}`));
      await Promise.all(all.map((one) => history.save('session-1', one)));
      expect(await history.turns('session-1')).toEqual(all.slice(3));
    });

    it('refuses a turn of a session that never began, and goes on', async () => {
      await begin('session-1');
      const [lost, kept] = await Promise.allSettled([
        history.save('nobody-knows', turn('utterance-1')),
        history.save('session-1', turn('utterance-1')),
      ]);
      expect(lost).toMatchObject({ status: 'rejected', reason: { code: 'storage_failed', details: { kind: 'other' } } });
      expect(kept.status).toBe('fulfilled');
      expect(await history.turns('session-1')).toHaveLength(1);
    });

    it('tells sessions that ended from those that did not, and an end is an end', async () => {
      await begin('session-1');
      await begin('session-2');
      await history.end('session-1', 'idle', 10);
      await begin('session-1');
      await history.end('session-1', 'again', 99);
      await history.end('never-began', 'idle', 10);
      const { sessions, ended } = await history.recover();
      expect(sessions.map(({ id }) => id)).toEqual(['session-2']);
      expect(ended).toEqual(['session-1']);
      expect(await history.prune(11)).toBe(1);
    });

    it('remembers the newest ends, and forgets old ones a few at a time', async () => {
      const ids = Array.from({ length: KEPT_ENDED + 5 }, (_, n) => `session-${n}`);
      await Promise.all(ids.map((id) => begin(id)));
      await Promise.all(ids.map((id, n) => history.end(id, 'idle', 1_000 + n)));
      expect([...(await history.recover()).ended].sort()).toEqual(ids.slice(5).sort());
      let forgotten = 0;
      for (let some = await history.prune(1_010); some > 0; some = await history.prune(1_010)) forgotten += some;
      expect(forgotten).toBe(10);
      expect((await history.recover()).ended).toHaveLength(KEPT_ENDED - 5);
    });
  });
}

function turn(utteranceId: string, change: Partial<Turn> = {}): Turn {
  return { utteranceId, mode: 'chat', prompt: 'what?', spoken: '', state: 'queued', askedAt: 1, ...change };
}
