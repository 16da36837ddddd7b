import type { Caption, TurnEvent } from '#protocol/signalling.ts';

/** Captions kept at most; a session speaks far fewer ahead. */
const KEPT = 200;

/** Captions arrive ahead of the voice; this knows which one is being heard. Times are stage frame numbers. */
export class Captions {
  #ahead: Caption[] = [];

  /** A clause told twice (a reconnect) or with new times replaces itself. */
  add(caption: Caption): void {
    const others = this.#ahead.filter((other) => other.utteranceId !== caption.utteranceId || other.clause !== caption.clause);
    this.#ahead = [...others, caption].sort((a, b) => a.start - b.start).slice(-KEPT);
  }

  /** What an utterance will not say any more is taken back; the clause that was cut ends at frame `now`. */
  cut({ utteranceId, outcome }: Pick<TurnEvent, 'utteranceId' | 'outcome'>, now: number): void {
    if (outcome === 'done') return;
    this.#ahead = this.#ahead
      .filter((caption) => caption.utteranceId !== utteranceId || caption.start < now)
      .map((caption) =>
        caption.utteranceId === utteranceId ? { ...caption, end: Math.min(caption.end, Math.ceil(now)) } : caption,
      );
  }

  /** The clause heard at frame `now`; between clauses the last one stays for `linger` frames. */
  at(now: number, linger = 0): Caption | undefined {
    this.#ahead = this.#ahead.filter(({ end }) => now < end + linger);
    return this.#ahead.findLast(({ start }) => start <= now);
  }

  get isEmpty(): boolean {
    return this.#ahead.length === 0;
  }
}
