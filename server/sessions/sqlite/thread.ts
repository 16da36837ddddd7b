import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { openDatabase } from './database.ts';
import type { Failure } from './failures.ts';
import { Rows } from './rows.ts';

/** What the thread is started with. */
export interface Start {
  readonly path: string;
}

type Name = keyof Rows;
/** One method of `Rows` to be called. */
export type Call = { [N in Name]: { readonly name: N; readonly args: Parameters<Rows[N]> } }[Name];
export type Outcome = { readonly value: unknown } | { readonly failure: Failure };
const port = parentPort;
if (!port) throw new Error('The history thread runs in a worker thread only.');

const opened = attempt(() => {
  const db = openDatabase((workerData as Start).path);
  return { db, rows: new Rows(db) };
});
// The first answer is to the start itself; each further one to a batch.
if ('failure' in opened) {
  answer([opened]);
} else {
  const { db, rows } = opened.value;
  answer([{ value: undefined }]);
  port.on('message', (calls: readonly Call[] | 'close') => {
    if (calls !== 'close') return answer(run(db, rows, calls));
    db.close();
    port.close();
  });
}

function answer(outcomes: readonly Outcome[]): void {
  port?.postMessage(outcomes);
}

/** All in one transaction, which is one wait for the disk; where that fails each by itself, so that one bad call doesn't take others with it. */
function run(db: DatabaseSync, rows: Rows, calls: readonly Call[]): Outcome[] {
  const together = attempt(() => inTransaction(db, () => calls.map((call) => ({ value: perform(rows, call) }))));
  if ('value' in together) return together.value;
  if (calls.length === 1) return [together];
  return calls.map((call) => attempt(() => inTransaction(db, () => perform(rows, call))));
}

function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // A full disk has rolled back already.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function perform(rows: Rows, { name, args }: Call): unknown {
  // Names and arguments are paired by their type; TypeScript can't follow a pair through a lookup.
  const method = rows[name] as (...args: readonly unknown[]) => unknown;
  return method.apply(rows, args);
}

function attempt<T>(work: () => T): { readonly value: T } | { readonly failure: Failure } {
  try {
    return { value: work() };
  } catch (error) {
    const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
    return { failure: { message: error instanceof Error ? error.message : String(error), errcode } };
  }
}
