import { setImmediate } from 'node:timers/promises';
import { EAR_RATE, RENDERER_RATE, TICKS_PER_MS, type Character, type Clause, type PcmChunk, type Word } from '#base/media.ts';
import type { Outlook } from '#base/outlook.ts';
import { Aligner, type Span } from './align/align.ts';
import type { VoiceChunk } from './hear.ts';
import { lettersIn, scriptOf, type Script } from './script.ts';

/** Between two looks at a voice that still comes, samples at 16 kHz. */
const LOOK_EVERY = RENDERER_RATE / 2;
/** A word found in the sound counts as heard so much later than it was found, the more the less sure that is: nearly all are then shown after they begin, and soon after. */
const LATE = { sharp: 4 * TICKS_PER_MS, blurred: 34 * TICKS_PER_MS } as const;

/** What is known of a clause on its way. */
interface Said {
  readonly clause: Clause;
  readonly script: Script;
  readonly characters: Character[];
  /** Hz, of the characters' times. */
  readonly rate: number;
  aligner: Aligner | undefined;
  looked: number;
  /** Samples at 16 kHz. */
  length: number;
}

/** Finds out when each word of an utterance is heard, and tells `outlook`: from the voice's own times where it gives them, else from its sound. */
export class WordTimes {
  readonly #language: string;
  readonly #outlook: Outlook;
  readonly #said = new Map<number, Said>();

  constructor(language: string, outlook: Outlook) {
    this.#language = language;
    this.#outlook = outlook;
  }

  /** Notes what the voice is given to say, and the times it tells. @param written the clauses as they were written */
  async *told(sound: AsyncIterable<PcmChunk>, written: ReadonlyMap<number, Clause>): AsyncGenerator<PcmChunk, void, undefined> {
    for await (const chunk of sound) {
      const { clause, rate, characters } = chunk;
      const known = this.#said.get(clause.index) ?? this.#begin(clause, rate, written.get(clause.index) ?? clause);
      if (characters) known.characters.push(...characters);
      yield chunk;
    }
  }

  /** Listens to the voice on its way to the ear; nobody waits for it. */
  async *heard(voice: AsyncIterable<VoiceChunk>): AsyncGenerator<VoiceChunk, void, undefined> {
    for await (const chunk of voice) {
      yield chunk;
      const said = this.#said.get(chunk.clause.index);
      if (said) await this.#listen(said, chunk);
    }
  }

  #begin(spoken: Clause, rate: number, clause: Clause): Said {
    const script = scriptOf(clause.text, spoken.text, this.#language);
    const said: Said = { clause, script, rate, characters: [], aligner: undefined, looked: 0, length: 0 };
    this.#said.set(clause.index, said);
    return said;
  }

  async #listen(said: Said, { renderer, endOfClause, clause }: VoiceChunk): Promise<void> {
    said.length += renderer.length;
    if (endOfClause) this.#said.delete(clause.index);
    if (said.characters.length > 0) return this.#tell(said, byCharacters(said), endOfClause);
    said.aligner ??= new Aligner(said.script.spoken.map(({ text }) => text));
    said.aligner.push(renderer);
    if (!endOfClause && said.length - said.looked < LOOK_EVERY) return;
    said.looked = said.length;
    // Packets on air go first.
    await setImmediate();
    this.#tell(said, bySound(said, said.aligner.words(endOfClause)), endOfClause);
  }

  #tell({ clause, length }: Said, words: readonly Word[], ended: boolean): void {
    if (words.length > 0 || ended) this.#outlook.spell(clause.index, { words, length: ended ? length * 3 : undefined });
  }
}

function byCharacters({ script, characters, rate }: Said): Word[] {
  const letters = characters.flatMap((one) => Array.from(lettersIn(one.text), () => one));
  return inOrder(
    script,
    letters.map(({ start, end }, letter) => ({ of: script.letters[letter] ?? 0, start, end })),
    EAR_RATE / rate,
  );
}

function bySound({ script }: Said, spans: readonly Span[]): Word[] {
  const ticks = EAR_RATE / RENDERER_RATE;
  const said = spans.map(({ start, end, isSharp }, word) => {
    const late = (isSharp ? LATE.sharp : LATE.blurred) / ticks;
    return { of: script.spoken[word]?.of ?? 0, start: start + late, end };
  });
  return inOrder(script, said, ticks);
}

/** The written words as far as something of them is said; what isn't said by itself is said with the word before. */
function inOrder({ written }: Script, said: readonly (Pick<Span, 'start' | 'end'> & { of: number })[], ticks: number): Word[] {
  const words: Word[] = [];
  const last = Math.max(-1, ...said.map(({ of }) => of));
  let at = 0;
  for (const [index, text] of written.entries()) {
    if (index > last) break;
    const own = said.filter(({ of }) => of === index);
    const start = Math.max(at, own.length === 0 ? at : Math.round(Math.min(...own.map((one) => one.start)) * ticks));
    const end = Math.max(start, ...own.map((one) => Math.round(one.end * ticks)));
    words.push({ text, start, end });
    at = start;
  }
  return words;
}
