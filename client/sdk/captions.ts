import type { Caption, TurnEvent } from '#protocol/signalling.ts';

/** Captions kept at most; a session speaks far fewer ahead. */
const KEPT = 200;

/** A caption with as much of its text as has been heard. */
export interface ShownCaption extends Caption {
  readonly heard: string;
}

/** Captions arrive ahead of the voice; this knows which one is being heard. Times are stage frame numbers. */
export class Captions {
  #ahead: Caption[] = [];

  /** A clause told twice (a reconnect), with new times or with more of its words replaces itself. */
  add(caption: Caption): void {
    const others = this.#ahead.filter((other) => !isSame(other, caption));
    this.#ahead = [...others, caption].sort((a, b) => a.start - b.start).slice(-KEPT);
  }

  /** What an utterance will not say any more is taken back; the clause that was cut ends at frame `now`, if it hasn't ended where the server cut it. */
  cut({ utteranceId, outcome }: Pick<TurnEvent, 'utteranceId' | 'outcome'>, now: number): void {
    if (outcome === 'done') return;
    this.#ahead = this.#ahead
      .filter((caption) => caption.utteranceId !== utteranceId || caption.start < now)
      .map((caption) => (caption.utteranceId === utteranceId ? endedAt(caption, now) : caption));
  }

  /** What of `who` is heard at frame `now`; between clauses the last one stays for `linger` frames. */
  at(now: number, linger = 0, who: Caption['who'] = 'avatar'): ShownCaption | undefined {
    this.#ahead = this.#ahead.filter(({ end }) => now < end + linger);
    const caption = this.#ahead.findLast((one) => (one.who ?? 'avatar') === who && begins(one) <= now);
    return caption && { ...caption, heard: heardOf(caption, now) };
  }

  get isEmpty(): boolean {
    return this.#ahead.length === 0;
  }
}

const isSame = (one: Caption, other: Caption): boolean => one.utteranceId === other.utteranceId && one.clause === other.clause;

/** A clause whose words are known begins with the first of them: until then the one before stays. */
const begins = ({ start, words }: Caption): number => words?.[0]?.start ?? start;

function endedAt(caption: Caption, now: number): Caption {
  const { end, words } = caption;
  if (end <= now) return caption;
  return { ...caption, end: Math.ceil(now), ...(words ? { words: words.filter(({ start }) => start < now) } : {}) };
}

/** The text up to the last word that has begun; all of it where words aren't known. */
function heardOf({ text, words }: Caption, now: number): string {
  if (!words) return text;
  let length = 0;
  for (const word of words) {
    if (word.start > now) break;
    const at = text.indexOf(word.text, length);
    if (at >= 0) length = at + word.text.length;
  }
  return text.slice(0, length);
}
