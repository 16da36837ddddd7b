import { sleep, type Clock } from '#base/clock.ts';
import type { Clause } from '#base/media.ts';
import { cut } from './cut.ts';
import { hasVoice, wordsOf } from './words.ts';

export interface ClauseOptions {
  readonly clock: Clock;
  /** BCP 47. */
  readonly language: string;
  /** Ends the clauses quietly. */
  readonly signal: AbortSignal;
  /** What has come is spoken after so many ms without a token. */
  readonly flushMs?: number | undefined;
  /** The first clause's number; 0 when left out. */
  readonly from?: number | undefined;
}

const FLUSH_MS = 700;

/**
 * Cuts a stream of tokens into what TTS is given: a short first clause, then sentences. Nothing is lost or reordered: put together, the
 * clauses are the text, up to the white space at their joints, and (but for the flush timer) the same whatever the tokens' sizes.
 */
export async function* clauses(tokens: AsyncIterable<string>, options: ClauseOptions): AsyncGenerator<Clause, void, undefined> {
  const words = wordsOf(options.language);
  let text = '';
  const { from = 0 } = options;
  let index = from;
  for await (const event of paced(tokens, options)) {
    if (event.kind === 'token') text = trimLeft(text + event.text);
    const take = (): number | undefined =>
      event.kind === 'pause' ? wordBoundary(text) : cut(text, index === from, words, event.kind === 'end');
    for (let at = take(); at !== undefined; at = event.kind === 'pause' ? undefined : take()) {
      const clause = text.slice(0, at).trim();
      text = trimLeft(text.slice(at));
      if (clause) yield { index: index++, text: clause };
    }
  }
}

type Event = { readonly kind: 'token'; readonly text: string } | { readonly kind: 'pause' } | { readonly kind: 'end' };

/** The tokens, a `pause` when none came for `flushMs`, and the `end`; just stops when aborted. */
async function* paced(tokens: AsyncIterable<string>, options: ClauseOptions): AsyncGenerator<Event, void, undefined> {
  const source = tokens[Symbol.asyncIterator]();
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const aborted = new Promise<'aborted'>((resolve) => signal.addEventListener('abort', () => resolve('aborted'), { once: true }));
  try {
    while (!signal.aborted) {
      const next = source.next();
      const waiting = new AbortController();
      const pause = sleep(options.clock, options.flushMs ?? FLUSH_MS, waiting.signal).then(() => 'pause' as const);
      let result = await Promise.race([next, aborted, pause]).finally(() => waiting.abort());
      if (result === 'pause') {
        yield { kind: 'pause' };
        result = await Promise.race([next, aborted]);
      }
      if (result === 'aborted') return void next.catch(() => undefined);
      if (result.done) return yield { kind: 'end' };
      yield { kind: 'token', text: result.value };
    }
  } finally {
    over.abort();
    // Not awaited: a source that is still waiting for its provider ends by the signal, not by this.
    void Promise.resolve(source.return?.()).catch(() => undefined);
  }
}

/** How much of `text` is surely whole: all of it after punctuation, else up to the last space. A number's point may not be its end. */
function wordBoundary(text: string): number | undefined {
  const whole = /(?:[!?,;:…。！？、，؟،]|[^\d\s]\.)["'”’»)\]]*$/u.test(text) || /\s$/.test(text);
  const at = whole ? text.length : text.search(/\s\S*$/u);
  return at > 0 && hasVoice(text.slice(0, at)) ? at : undefined;
}

/** Without leading white space, once it is known not to carry a combining mark. */
const trimLeft = (text: string): string => text.replace(/^\s+(?=[^\s\p{M}\u200d])/u, '');
