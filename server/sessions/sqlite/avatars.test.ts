import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog, silentLog } from '#base/log.ts';
import { MemoryStore } from '#server/avatars/memory-store.ts';
import type { AvatarStore, KeptAvatar } from '#server/avatars/store.ts';
import { SqliteHistory } from './sqlite-history.ts';

const version = { version: 'a1', name: 'Ada', kind: 'clip', tries: 0 } as const;
const ada: KeptAvatar = { id: 'av_ada', createdAt: 2, deleted: false, next: version };
const bob: KeptAvatar = { id: 'av_bob', createdAt: 1, deleted: false, current: { ...version, name: 'Bob', greeting: 'Hi.' } };

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'avatars-'))));
afterAll(() => rm(folder, { recursive: true }));

describe.each<[string, () => Promise<{ avatars: AvatarStore; close(): Promise<void> }>]>([
  ['memory', async () => ({ avatars: new MemoryStore(), close: async () => undefined })],
  ['sqlite', () => SqliteHistory.open({ path: join(folder, 'contract.db'), log: silentLog })],
])('avatars in %s', (name, open) => {
  test('are there as they were last put, until they are removed', async () => {
    const history = await open();
    const { avatars } = history;
    await avatars.put(bob);
    await avatars.put(ada);
    expect(await avatars.all()).toEqual([bob, ada]);
    const ready: KeptAvatar = { ...ada, next: { ...version, version: 'a2', failure: 'It is a cat.' }, current: version };
    await avatars.put(ready);
    await avatars.remove('av_bob');
    await avatars.remove('av_nobody');
    expect(await avatars.all()).toEqual([ready]);
    await history.close();
    if (name === 'memory') return;
    const again = await open();
    expect(await again.avatars.all()).toEqual([ready]);
    await again.close();
  });
});

test('one that can not be read stays away, and is named in the log', async () => {
  const path = join(folder, 'odd.db');
  const before = await SqliteHistory.open({ path, log: silentLog });
  await before.avatars.put(ada);
  await before.close();
  const db = new DatabaseSync(path);
  db.exec(`INSERT INTO avatars VALUES ('av_odd', 3, '{"id": 3}'), ('av_odder', 3, '{')`);
  db.close();
  const lines: string[] = [];
  const after = await SqliteHistory.open({ path, log: createLog('error', { write: (line) => lines.push(line) }) });
  expect(await after.avatars.all()).toEqual([ada]);
  expect(lines.join()).toContain('["av_odd","av_odder"]');
  await after.close();
});
