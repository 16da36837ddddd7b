import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** How long to wait for a server that is just leaving the file, ms. */
const LEAVING = 2_000;

/** Step n brings a database from version n to n + 1. Never changed once released: new ones are added. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE sessions (
     id TEXT PRIMARY KEY,
     request TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     ended_at INTEGER,
     ended_because TEXT
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX sessions_by_end ON sessions (ended_at);
   CREATE TABLE turns (
     seq INTEGER PRIMARY KEY,
     session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
     utterance_id TEXT NOT NULL,
     mode TEXT NOT NULL,
     prompt TEXT,
     spoken TEXT NOT NULL,
     state TEXT NOT NULL,
     reason TEXT,
     asked_at INTEGER NOT NULL,
     started_at INTEGER,
     ended_at INTEGER,
     UNIQUE (session_id, utterance_id)
   ) STRICT;
   CREATE INDEX turns_of_session ON turns (session_id);`,
  'ALTER TABLE turns ADD COLUMN trace_id TEXT;',
  `CREATE TABLE avatars (
     id TEXT PRIMARY KEY,
     created_at INTEGER NOT NULL,
     record TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,
  'ALTER TABLE turns ADD COLUMN image TEXT;',
];

/** Opens the file, makes it when it isn't there, and brings it up to date. Throws what SQLite or the file system says. */
export function openDatabase(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Made here, because SQLite would let others read what people said.
  closeSync(openSync(path, 'a', 0o600));
  const db = new DatabaseSync(path, { timeout: LEAVING });
  try {
    // One server per file, kept so by the kernel however the server ends; and no shared memory, which a full disk can't give.
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON');
    migrate(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function migrate(db: DatabaseSync): void {
  const row = db.prepare('PRAGMA user_version').get();
  const version = Number(row?.['user_version']);
  if (version > MIGRATIONS.length) {
    throw new Error(`it was written by a newer server (version ${version}, known are up to ${MIGRATIONS.length})`);
  }
  for (const [step, sql] of MIGRATIONS.entries()) {
    if (step < version) continue;
    db.exec(`BEGIN IMMEDIATE; ${sql} PRAGMA user_version = ${step + 1}; COMMIT`);
  }
}
