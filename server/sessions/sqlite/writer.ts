import { Worker } from 'node:worker_threads';
import type { AvatarError } from '#base/errors.ts';
import { storageError } from './failures.ts';
import type { Call, Outcome, Start } from './thread.ts';

interface Waiting {
  resolve(outcomes: readonly Outcome[]): void;
  reject(error: AvatarError): void;
}

/** The thread that has the database open, seen from outside. It takes one batch of calls at a time. */
export class Writer {
  state: 'open' | 'closed' = 'open';
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #waiting: Waiting | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    let cause: unknown;
    worker.on('error', (error: unknown) => (cause = error));
    worker.on('message', (outcomes: readonly Outcome[]) => this.#waiting?.resolve(outcomes));
    this.#exited = new Promise((resolve) => {
      worker.once('exit', (code) => {
        this.state = 'closed';
        const message = cause instanceof Error ? cause.message : `exit code ${code}`;
        this.#waiting?.reject(storageError('The database thread has ended', { message, errcode: undefined }));
        resolve();
      });
    });
  }

  /** Throws AvatarError `storage_failed` when the file can't be used. */
  static async start(path: string): Promise<Writer> {
    const workerData: Start = { path };
    const writer = new Writer(new Worker(new URL('./thread.ts', import.meta.url), { name: 'history', workerData }));
    const [opened] = await writer.#answer();
    if (opened && 'failure' in opened) throw storageError(`The database ${path} can't be used`, opened.failure);
    return writer;
  }

  /** What became of each call, in their order. Rejects with `storage_failed` when the thread dies meanwhile. */
  run(calls: readonly Call[]): Promise<readonly Outcome[]> {
    this.#worker.postMessage(calls);
    return this.#answer();
  }

  /** Idempotent; resolves once the file is free. */
  async close(): Promise<void> {
    if (this.state === 'open') this.#worker.postMessage('close');
    await this.#exited;
  }

  #answer(): Promise<readonly Outcome[]> {
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }
}
