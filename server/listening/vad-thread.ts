import { parentPort } from 'node:worker_threads';
import { Listener, Silero } from './silero.ts';

/** A frame of a microphone, or its end. */
export type Question = { readonly id: number; readonly stream: number; readonly samples: Int16Array } | { readonly over: number };

/** Of the frames with these ids. */
export interface Answer {
  readonly ids: readonly number[];
  readonly speech: readonly number[];
}

type Asked = Extract<Question, { id: number }>;

const silero = Silero.open();
const listeners = new Map<number, Listener>();
let waiting: Asked[] = [];
let isBusy = false;

parentPort?.on('message', (question: Question) => {
  if ('over' in question) return void listeners.delete(question.over);
  waiting.push(question);
  void answer();
});

/** What has come together is heard together; of one microphone frame after frame. */
async function answer(): Promise<void> {
  if (isBusy) return;
  isBusy = true;
  while (waiting.length > 0) {
    // Those that have been sent, too, but not been handed over yet.
    await new Promise((resolve) => setImmediate(resolve));
    const now = new Map<number, Asked>();
    waiting = waiting.filter((asked) => now.has(asked.stream) || !now.set(asked.stream, asked));
    const asked = [...now.values()];
    const frames = asked.map(({ stream, samples }) => {
      const listener = listeners.get(stream) ?? new Listener();
      listeners.set(stream, listener);
      return { listener, samples };
    });
    const speech = await (await silero).hear(frames);
    parentPort?.postMessage({ ids: asked.map(({ id }) => id), speech } satisfies Answer);
  }
  isBusy = false;
}
