import { asAvatarError, AvatarError } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import { Queue } from '#base/queue.ts';
import type { Turn } from '#protocol/http.ts';
import type { AvatarStore } from '#server/avatars/store.ts';
import type { History, KeptSession, Recovered } from '../history.ts';
import { storageError } from './failures.ts';
import type { Rows } from './rows.ts';
import type { Call, Outcome } from './thread.ts';
import { Writer } from './writer.ts';

export interface SqliteOptions {
  /** Absolute. */
  readonly path: string;
  readonly log: Log;
}

type Name = keyof Rows;

interface Waiting {
  readonly call: Call;
  resolve(value: unknown): void;
  reject(error: AvatarError): void;
}

/** Calls that may wait for the disk; more make their callers wait. */
const MAX_WAITING = 1_000;
/** Calls written in one transaction. */
const MAX_BATCH = 200;

/**
 * History in one SQLite file, by node:sqlite on a thread of its own: its waits for the disk would else be waits of every stage's clock.
 * What is asked while the disk is busy is written together, in order. A thread that dies fails what it owed, and the next call starts another.
 */
export class SqliteHistory implements History {
  /** Avatars are kept in the same file. */
  readonly avatars: AvatarStore = {
    all: async () => {
      const { avatars, unreadable } = await this.#call('avatars');
      if (unreadable.length > 0) this.#options.log.error({ avatars: unreadable }, 'avatars this server can not read stay away');
      return avatars;
    },
    put: (avatar) => this.#call('putAvatar', structuredClone(avatar)),
    remove: (id) => this.#call('removeAvatar', id),
  };
  readonly #options: SqliteOptions;
  readonly #queue = new Queue<Waiting>(MAX_WAITING);
  readonly #running: Promise<void>;
  #writer: Writer;

  private constructor(options: SqliteOptions, writer: Writer) {
    this.#options = options;
    this.#writer = writer;
    this.#running = this.#run();
  }

  /** Throws AvatarError `storage_failed` when the file can't be used. */
  static async open(options: SqliteOptions): Promise<SqliteHistory> {
    return new SqliteHistory(options, await Writer.start(options.path));
  }

  async recover(): Promise<Recovered> {
    const { unreadable, ...recovered } = await this.#call('recover');
    if (unreadable.length > 0) this.#options.log.error({ sessions: unreadable }, 'sessions this server can not read stay away');
    return recovered;
  }

  begin(session: KeptSession): Promise<void> {
    return this.#call('begin', session);
  }

  save(sessionId: string, turn: Turn): Promise<void> {
    return this.#call('save', sessionId, { ...turn });
  }

  turns(sessionId: string): Promise<readonly Turn[]> {
    return this.#call('turns', sessionId);
  }

  end(sessionId: string, reason: string, at: number): Promise<void> {
    return this.#call('end', sessionId, reason, at);
  }

  prune(before: number): Promise<number> {
    return this.#call('prune', before);
  }

  async close(): Promise<void> {
    this.#queue.end();
    await this.#running;
    await this.#writer.close();
  }

  async #call<N extends Name>(name: N, ...args: Parameters<Rows[N]>): Promise<ReturnType<Rows[N]>> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const taken = await this.#queue.push({ call: { name, args } as Call, resolve, reject });
    if (!taken) throw new AvatarError('storage_failed', 'The database is closed.', { details: { kind: 'other' } });
    return (await promise) as ReturnType<Rows[N]>;
  }

  async #run(): Promise<void> {
    for await (const first of this.#queue) {
      const batch = [first];
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        batch.push(next);
        if (batch.length === MAX_BATCH) break;
      }
      await this.#write(batch);
    }
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    try {
      if (this.#writer.state === 'closed') this.#writer = await Writer.start(this.#options.path);
      const outcomes = await this.#writer.run(batch.map(({ call }) => call));
      for (const [at, waiting] of batch.entries()) settle(waiting, outcomes[at]);
    } catch (error) {
      this.#options.log.error({ err: error }, 'the database thread failed');
      for (const waiting of batch) waiting.reject(asAvatarError(error));
    }
  }
}

function settle({ call, resolve, reject }: Waiting, outcome: Outcome | undefined): void {
  if (outcome && 'value' in outcome) resolve(outcome.value);
  else
    reject(storageError(`The database could not ${call.name}`, outcome?.failure ?? { message: 'no answer', errcode: undefined }));
}
