import type { FloorAct, FloorOptions } from './act.ts';
import { Floor } from './floor.ts';
import { FRAME_MS } from './phrases.ts';

/** A word takes so long to say, ms. */
const WORD_MS = 280;

/** A recogniser that says what it has so far, some time later, and all of it some time after the phrase's end. */
export interface Recogniser {
  readonly partialMs?: number | undefined;
  readonly finalMs: number;
}

interface Word {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

export interface Happened {
  readonly at: number;
  readonly act: FloorAct;
}

/**
 * A conversation in virtual time, told line by line:
 *   user: words…        says them, a word each 280 ms
 *   echo: words…        the avatar's own voice, which the echo guard let through
 *   cough 200           a voice without words, ms
 *   quiet 300           nobody says anything, ms
 *   avatar: words…      goes on air, and speaks on while the next lines happen
 *   reply: words…       what the avatar will say 500 ms after the next turn without one
 * The avatar holds its breath while ducked and falls silent when interrupted.
 */
export class Conversation {
  readonly happened: Happened[] = [];
  readonly #floor: Floor;
  readonly #recogniser: Recogniser;
  readonly #words: Word[] = [];
  readonly #texts = new Map<number, { from: number; endedAt?: number; told: string }>();
  readonly #replies: string[] = [];
  #now = 10_000;
  #avatar: { left: number; isHeld: boolean } | undefined;
  #replyAt = Number.POSITIVE_INFINITY;

  constructor(script: string, recogniser: Recogniser = { partialMs: 150, finalMs: 250 }, options: Partial<FloorOptions> = {}) {
    this.#floor = new Floor(options);
    this.#recogniser = recogniser;
    for (const line of script.split('\n').map((one) => one.trim())) if (line) this.#line(line);
  }

  /** What happened, without phrases' beginnings and ends and signs of listening. */
  get told(): string[] {
    const quiet = ['phraseBegins', 'phraseEnds', 'listens', 'leaves', 'nod'];
    return this.happened.filter(({ act }) => !quiet.includes(act.act)).map(({ act }) => tell(act));
  }

  /** All that happened. */
  get all(): string[] {
    return this.happened.map(({ act }) => tell(act));
  }

  get turns(): string[] {
    return this.happened.flatMap(({ act }) => (act.act === 'turn' ? [act.text] : []));
  }

  /** ms from the last voiced frame to the last turn. */
  get waited(): number {
    const last = this.happened.findLast(({ act }) => act.act === 'turn');
    return last?.act.act === 'turn' ? last.at - last.act.lastVoicedAt : Number.NaN;
  }

  /** ms between the first of each. */
  between(from: FloorAct['act'], to: FloorAct['act']): number {
    const at = (name: string): number => this.happened.find(({ act }) => act.act === name)?.at ?? Number.NaN;
    return at(to) - at(from);
  }

  #line(line: string): void {
    const [, who, rest = ''] = /^(\w+):? ?(.*)$/.exec(line) ?? [];
    if (who === 'avatar') return this.#speak(rest);
    if (who === 'reply') return void this.#replies.push(rest);
    if (who === 'quiet') return this.#pass(Number(rest), false);
    if (who === 'cough') return this.#pass(Number(rest), true);
    if (who !== 'user' && who !== 'echo') throw new Error(`not in the notation: ${line}`);
    const words = rest.split(' ');
    this.#words.push(...words.map((text, at) => ({ text, from: this.#now + at * WORD_MS, to: this.#now + (at + 1) * WORD_MS })));
    this.#pass(words.length * WORD_MS, true);
  }

  #speak(text: string): void {
    this.#floor.said(text);
    this.#avatar = { left: text.split(' ').length * WORD_MS, isHeld: false };
    this.#do(this.#floor.avatar({ speaking: true, at: this.#now }));
  }

  #pass(ms: number, voiced: boolean): void {
    for (let passed = 0; passed < ms; passed += FRAME_MS) {
      this.#now += FRAME_MS;
      this.#do(this.#floor.frame({ at: this.#now, speech: voiced ? 0.9 : 0.1, near: true }));
      if (this.#avatar && !this.#avatar.isHeld && (this.#avatar.left -= FRAME_MS) <= 0) this.#silence();
      if (this.#now >= this.#replyAt) {
        this.#replyAt = Number.POSITIVE_INFINITY;
        this.#speak(this.#replies.shift() ?? '');
      }
      for (const [phrase, text] of this.#texts) this.#recognise(phrase, text);
    }
  }

  #silence(): void {
    this.#avatar = undefined;
    this.#do(this.#floor.avatar({ speaking: false, at: this.#now }));
  }

  #recognise(phrase: number, known: { from: number; endedAt?: number; told: string }): void {
    const { partialMs, finalMs } = this.#recogniser;
    const final = known.endedAt !== undefined && this.#now >= known.endedAt + finalMs;
    const until = final ? (known.endedAt ?? 0) : this.#now - (partialMs ?? Number.POSITIVE_INFINITY);
    const text = this.#words
      .filter(({ from, to }) => from >= known.from && (final ? from < until : to <= until))
      .map((word) => word.text)
      .join(' ');
    if (final) this.#texts.delete(phrase);
    else if (text === known.told) return;
    known.told = text;
    this.#do(this.#floor.heard({ phrase, text, final, at: this.#now }));
  }

  #do(acts: readonly FloorAct[]): void {
    for (const act of acts) {
      this.happened.push({ at: this.#now, act });
      if (act.act === 'phraseBegins') this.#texts.set(act.phrase, { from: act.from, told: '' });
      if (act.act === 'phraseEnds') Object.assign(this.#texts.get(act.phrase) ?? {}, { endedAt: this.#now });
      if (act.act === 'turn' && this.#replies.length > 0) this.#replyAt = this.#now + 500;
      if (act.act === 'interrupt') this.#replyAt = Number.POSITIVE_INFINITY;
      if (this.#avatar && act.act === 'duck') this.#avatar.isHeld = true;
      if (this.#avatar && act.act === 'unduck') this.#avatar.isHeld = false;
    }
    if (this.#avatar && acts.some(({ act }) => act === 'interrupt')) this.#silence();
  }
}

function tell(act: FloorAct): string {
  if (act.act === 'turn' || act.act === 'draft') return `${act.act}: ${act.text}`;
  return act.act === 'dismiss' ? `dismiss ${act.why}` : act.act;
}
