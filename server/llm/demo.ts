import { sleep, type Clock } from '#base/clock.ts';
import { reply } from './demo-reply.ts';
import type { Llm } from './llm.ts';

/** Between two pieces, ms: about as fast as a quick model streams. */
const MS_BETWEEN_PIECES = 5;
/** About the size of a model's token: up to five characters with the space before them. */
const PIECE = /\s*\S{1,5}/gu;

interface Options {
  readonly clock: Clock;
  /** One sentence, as it is spoken, on what this server is configured with. */
  readonly describe: () => string;
}

/**
 * The embedded default: a few fixed answers in English, without a network or a model, and a plain word on that for everything else.
 * The same prompt at the same time of `clock` gives the same reply.
 */
export function demoLlm({ clock, describe }: Options): Llm {
  return {
    name: 'demo',
    async *complete({ messages }, signal) {
      for (const [piece] of reply(messages, { wallMs: clock.wall(), configured: describe() }).matchAll(PIECE)) {
        if (signal.aborted) return;
        yield piece;
        await sleep(clock, MS_BETWEEN_PIECES, signal);
      }
    },
  };
}
