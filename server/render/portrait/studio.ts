import { Worker } from 'node:worker_threads';
import { AvatarError } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { Order } from './face.ts';
import type { Answer, Question, Start } from './thread.ts';

interface Waiting {
  resolve(pictures: Uint8Array[]): void;
  reject(error: AvatarError): void;
}

/**
 * Owns the drawing thread. Questions are answered in turn, so that sessions interleave window by window.
 * When the thread dies what it owed fails with `render_failed`, and the next question starts a fresh one.
 */
export class Studio {
  readonly #start: Start;
  readonly #log: Log;
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | undefined;
  #next = 0;
  #closing: Promise<void> | undefined;

  constructor(start: Start, log: Log) {
    this.#start = start;
    this.#log = log;
  }

  /** Draws the orders, as I420, in order. */
  draw(avatar: string, orders: readonly Order[]): Promise<Uint8Array[]> {
    if (this.#closing) return Promise.reject(new AvatarError('render_failed', 'The portrait renderer is closed.'));
    this.#thread ??= this.#open();
    const thread = this.#thread;
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      thread.postMessage({ id, avatar, orders } satisfies Question);
    });
  }

  /** Ends the thread; idempotent. */
  close(): Promise<void> {
    this.#closing ??= Promise.resolve(this.#thread?.terminate()).then(() => undefined);
    return this.#closing;
  }

  #open(): Worker {
    const thread = new Worker(new URL('./thread.ts', import.meta.url), { name: 'portrait', workerData: this.#start });
    let cause: unknown;
    thread.on('message', (answer: Answer) => this.#settle(answer));
    thread.on('error', (error: unknown) => {
      cause = error;
    });
    thread.on('exit', (code) => {
      this.#thread = undefined;
      if (!this.#closing) this.#log.error({ err: cause, code }, 'portrait thread died');
      this.#fail(
        new AvatarError('render_failed', 'The portrait renderer stopped while drawing.', {
          cause: cause ?? new Error(`exit ${code}`),
        }),
      );
    });
    return thread;
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('pictures' in answer) waiting?.resolve(answer.pictures);
    else
      waiting?.reject(
        new AvatarError('render_failed', 'The portrait renderer could not draw a picture.', { cause: answer.failure }),
      );
  }

  #fail(error: AvatarError): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const one of waiting) one.reject(error);
  }
}
