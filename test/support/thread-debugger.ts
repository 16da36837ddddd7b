import { Session } from 'node:inspector';

interface Attached {
  readonly sessionId: string;
  readonly workerInfo: { readonly title: string };
}

/** A debugger on this process's worker threads: what it evaluates happens in the thread itself, as a fault of its own would. */
export class ThreadDebugger {
  readonly #session = new Session();
  readonly #threads = new Map<string, string>();
  #id = 0;

  /** `onStart` is evaluated in each thread of that name before its program begins. */
  constructor(onStart?: { readonly name: string; readonly expression: string }) {
    this.#session.connect();
    // Not in @types/node: https://github.com/nodejs/node/blob/main/src/inspector/node_protocol.pdl
    const session = this.#session as unknown as {
      on(event: string, listener: (message: { params: Attached }) => void): void;
      post(method: string, params: object): void;
    };
    session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }) => {
      const name = /\[worker \d+\]\s*(\S+)/.exec(workerInfo.title)?.[1] ?? workerInfo.title;
      this.#threads.set(name, sessionId);
      if (onStart?.name === name) this.#send(sessionId, 'Runtime.evaluate', { expression: onStart.expression });
      if (onStart) this.#send(sessionId, 'Runtime.runIfWaitingForDebugger');
    });
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: onStart !== undefined });
  }

  /** In the newest thread of that name. Nothing is waited for: what hangs never answers. */
  evaluate(name: string, expression: string): void {
    const sessionId = this.#threads.get(name);
    if (sessionId === undefined) throw new Error(`no thread "${name}", there are: ${[...this.#threads.keys()].join(', ')}`);
    this.#send(sessionId, 'Runtime.evaluate', { expression });
  }

  close(): void {
    this.#session.disconnect();
  }

  #send(sessionId: string, method: string, params: object = {}): void {
    const session = this.#session as unknown as { post(method: string, params: object): void };
    session.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify({ id: ++this.#id, method, params }) });
  }
}
