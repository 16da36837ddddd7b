import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { silentLog } from '#base/log.ts';
import { MemoryHistory } from '#server/sessions/memory-history.ts';
import { SqliteHistory } from '#server/sessions/sqlite/sqlite-history.ts';
import { historyContract } from './history.contract.ts';

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

historyContract('MemoryHistory', () => Promise.resolve(new MemoryHistory()));
historyContract('SqliteHistory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'history-'));
  folders.push(folder);
  return SqliteHistory.open({ path: join(folder, 'deeper', 'history.db'), log: silentLog });
});
