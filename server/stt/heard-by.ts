import type { Provider } from '#base/provider.ts';
import { Phrase } from './phrase.ts';
import type { Transcript } from './stt.ts';

/**
 * Has `provider` hear a phrase. `ask` is given all of it each time it is asked again, from its first sample on, and yields one final transcript last.
 */
export async function* heardBy(
  provider: Provider,
  pcm: AsyncIterable<Int16Array>,
  signal: AbortSignal,
  ask: (phrase: Phrase, signal: AbortSignal) => AsyncIterable<Transcript>,
): AsyncGenerator<Transcript, void, undefined> {
  const phrase = Phrase.record(pcm);
  const close = (): void => phrase.close();
  signal.addEventListener('abort', close, { once: true });
  if (signal.aborted) close();
  try {
    await phrase.begun;
    if (phrase.length > 0) yield* news(provider.stream((stop) => ask(phrase, stop), signal));
    // Recognisers make words up where there is no sound.
    else if (!signal.aborted) yield { text: '', final: true };
  } finally {
    signal.removeEventListener('abort', close);
    phrase.close();
  }
}

/** Without those that say what was said before; asked again, a provider says much again. */
async function* news(transcripts: AsyncIterable<Transcript>): AsyncGenerator<Transcript, void, undefined> {
  let last = '';
  for await (const transcript of transcripts) {
    if (!transcript.final && transcript.text === last) continue;
    last = transcript.text;
    yield transcript;
  }
}
