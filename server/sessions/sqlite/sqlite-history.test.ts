import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLog, silentLog } from '#base/log.ts';
import type { Turn } from '#protocol/http.ts';
import { SqliteHistory } from './sqlite-history.ts';

let folder: string;
let path: string;
const opened: SqliteHistory[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'history-'));
  path = join(folder, 'history.db');
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const history of opened.splice(0)) await history.close();
  await rm(folder, { recursive: true });
});

async function open(log = silentLog): Promise<SqliteHistory> {
  const history = await SqliteHistory.open({ path, log });
  opened.push(history);
  return history;
}

const kept = { id: 'session-1', request: {}, createdAt: 1 };
const turn: Turn = { utteranceId: 'utterance-1', mode: 'say', prompt: 'hello', spoken: 'hel…', state: 'speaking', askedAt: 2 };

test('what was written is there when the file is opened again', async () => {
  const before = await open();
  await before.begin(kept);
  await before.save('session-1', turn);
  await before.close();
  const after = await open();
  expect(await after.recover()).toEqual({ sessions: [kept], ended: [] });
  expect(await after.turns('session-1')).toEqual([turn]);
});

test('others on this machine may not read what was said', async () => {
  const history = await open();
  await history.begin(kept);
  for (const file of [path, `${path}-wal`]) expect((await stat(file)).mode & 0o077).toBe(0);
});

test('a second server is refused by name, and may come when the first has left', async () => {
  const first = await open();
  await expect(open()).rejects.toMatchObject({
    code: 'storage_failed',
    message: `The database ${path} can't be used: another program uses it; stop that, or set DATABASE_URL to another file.`,
  });
  await first.close();
  await open();
});

test.each([
  ['is no database', async () => writeFile(path, 'x'.repeat(10_000)), /no SQLite database/],
  ['was written by a newer server', async () => new DatabaseSync(path).exec('PRAGMA user_version = 99'), /newer server/],
  ['can not be made', async () => writeFile(join(folder, 'deeper'), ''), /ENOTDIR|EEXIST/],
])('a file that %s is refused by name, and left alone', async (_, prepare, why) => {
  if (why.source.includes('ENOTDIR')) path = join(folder, 'deeper', 'history.db');
  await prepare();
  const error: unknown = await open().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'storage_failed' });
  expect((error as Error).message).toContain(path);
  expect((error as Error).message).toMatch(why);
});

test('a file from before turns had a trace, or images, is brought up to date, with what it holds', async () => {
  const before = await open();
  await before.begin(kept);
  await before.save('session-1', turn);
  await before.close();
  const db = new DatabaseSync(path);
  db.exec('DROP TABLE avatars; ALTER TABLE turns DROP COLUMN trace_id; ALTER TABLE turns DROP COLUMN image');
  db.exec('PRAGMA user_version = 1');
  db.close();
  const after = await open();
  await after.save('session-1', { ...turn, utteranceId: 'utterance-2', traceId: 'f'.repeat(32) });
  expect(await after.turns('session-1')).toEqual([turn, { ...turn, utteranceId: 'utterance-2', traceId: 'f'.repeat(32) }]);
});

test('a session that can not be read any more stays away, and is named in the log', async () => {
  const before = await open();
  await before.begin(kept);
  await before.close();
  const db = new DatabaseSync(path);
  db.exec(`INSERT INTO sessions (id, request, created_at) VALUES ('session-2', '{"unheard": "of"}', 2), ('session-3', '{', 3)`);
  db.close();
  const lines: string[] = [];
  const after = await open(createLog('error', { write: (line) => lines.push(line) }));
  expect((await after.recover()).sessions).toEqual([kept]);
  expect(lines.join()).toContain('["session-2","session-3"]');
});

test('a thread that dies fails what it owed; the next call finds another', async () => {
  const post = vi.spyOn(Worker.prototype, 'postMessage');
  const history = await open();
  await history.begin(kept);
  const thread = post.mock.contexts[0] as Worker;
  post.mockImplementationOnce(() => void thread.terminate());
  await expect(history.save('session-1', turn)).rejects.toMatchObject({ code: 'storage_failed' });
  await history.save('session-1', turn);
  expect(await history.turns('session-1')).toEqual([turn]);
});

test('what is asked while the disk is busy is written together', async () => {
  const post = vi.spyOn(Worker.prototype, 'postMessage');
  const history = await open();
  await history.begin(kept);
  const before = post.mock.calls.length;
  await Promise.all(Array.from({ length: 300 }, (_, n) => history.save('session-1', { ...turn, utteranceId: `utterance-${n}` })));
  expect(post.mock.calls.length - before).toBeLessThan(10);
  expect(await history.turns('session-1')).toHaveLength(300);
});

test('closed, it takes nothing any more and says so', async () => {
  const history = await open();
  await Promise.all([history.begin(kept), history.close(), history.close()]);
  await expect(history.save('session-1', turn)).rejects.toMatchObject({
    code: 'storage_failed',
    message: 'The database is closed.',
  });
});
