import { Broken } from '#base/failure.ts';
import type { Lifetime } from '#base/lifetime.ts';
import type { Character } from '#base/media.ts';
import type { Provider } from '#base/provider.ts';
import { ahead } from './ahead.ts';
import { Clip, shifted } from './clip.ts';
import type { Piece, Say } from './one-ahead.ts';

/** A clause's sound as a provider makes it, from the beginning. `characters` fills while the sound is read, in samples of this rendition. */
export interface Rendition {
  readonly sound: AsyncIterable<Int16Array>;
  readonly characters: readonly Character[];
}

/**
 * Has `provider` say clauses, a request each; one that is cut off is asked for again and gone on with where it stopped.
 * @param render is given the clause's text and that of the one before
 */
export function saidBy(
  provider: Provider,
  rate: number,
  life: Lifetime,
  render: (text: string, before: string, signal: AbortSignal) => Rendition,
): Say {
  let last = '';
  return ({ text }) => {
    if (!/[\p{L}\p{N}]/u.test(text)) return [];
    const before = last;
    last = text;
    const clip = new Clip(rate);
    let told = 0;
    const ask = async function* (signal: AbortSignal): AsyncGenerator<Piece, void, undefined> {
      const { sound, characters } = render(text, before, signal);
      for await (const samples of clip.follow(sound, characters)) {
        const news = characters.slice(told);
        told += news.length;
        yield { samples, characters: news.length > 0 ? shifted(news, clip.offset) : undefined };
      }
      if (clip.isEmpty) throw new Broken('garbage', 'its answer holds no sound');
    };
    return ahead(audible(provider.stream(ask, life.signal)), life);
  };
}

/** Without those that were only a sign of life. */
async function* audible(pieces: AsyncIterable<Piece>): AsyncGenerator<Piece, void, undefined> {
  for await (const piece of pieces) if (piece.samples.length > 0 || piece.characters) yield piece;
}
