import { STT_RATE } from './stt.ts';

/** What lasts longer without a pause is no sentence; the rest of it isn't heard. In ms. */
const LONGEST = 60_000;

/**
 * One phrase's sound, read as it is spoken and kept until it is understood, so that it can be sent again.
 * It is over when its source ends or fails, or when it lasts too long.
 */
export class Phrase {
  readonly #source: AsyncIterator<Int16Array>;
  readonly #pieces: Int16Array[] = [];
  readonly #begun = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();
  #state: 'open' | 'over' = 'open';
  #length = 0;
  #news = Promise.withResolvers<void>();

  private constructor(source: AsyncIterator<Int16Array>) {
    this.#source = source;
  }

  /** Reads `pcm` from now on. @param longest ms */
  static record(pcm: AsyncIterable<Int16Array>, longest = LONGEST): Phrase {
    const phrase = new Phrase(pcm[Symbol.asyncIterator]());
    void phrase.#read((longest * STT_RATE) / 1_000);
    return phrase;
  }

  /** What of it is there, in samples. */
  get length(): number {
    return this.#length;
  }

  /** Resolves when there is some sound, or won't be. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** Resolves when it is over. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** The sound from its first sample on, ended with the phrase; for any number of readers. */
  async *follow(): AsyncGenerator<Int16Array, void, undefined> {
    for (let n = 0; ; n += 1) {
      while (n >= this.#pieces.length) {
        if (this.#state === 'over') return;
        await this.#news.promise;
      }
      yield this.#pieces[n] as Int16Array;
    }
  }

  /** All of it, once it is over. */
  async whole(): Promise<Int16Array> {
    await this.over;
    const samples = new Int16Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      samples.set(piece, at);
      at += piece.length;
    }
    return samples;
  }

  /** It is over now, and its source is left. */
  close(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#begun.resolve();
    this.#over.resolve();
    this.#news.resolve();
    // Not awaited: a source that waits for its own next piece would hold up the end.
    void Promise.resolve(this.#source.return?.()).catch(() => undefined);
  }

  async #read(longest: number): Promise<void> {
    try {
      while (this.#length < longest) {
        const next = await this.#source.next();
        if (next.done || this.#isOver()) break;
        if (next.value.length > 0) this.#add(next.value);
      }
    } catch {
      // A microphone that fails has no more to say.
    }
    this.close();
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  #add(piece: Int16Array): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
    this.#begun.resolve();
    const told = this.#news;
    this.#news = Promise.withResolvers();
    told.resolve();
  }
}
