import { FLOOR, type Dismissal, type FloorAct, type FloorFrame, type FloorOptions, type HeardText } from './act.ts';
import { Listener, type Meaning } from './meaning.ts';
import { PhraseCutter, type Phrase } from './phrases.ts';
import { Reader } from './sense.ts';
import { sayingOf } from './words.ts';

/** After its last word the avatar can still be heard in the microphone for so long, ms: the way to the viewer and back, and the room. */
const ECHO_LASTS = 500;
/** Commands repeated so soon after an interruption are still part of it, ms. */
const STILL = 1_500;
/** Less voice than this, without words, is nodded at by nobody; ms. */
const WORTH_A_NOD = 300;
/** A voice that paused for so long isn't going on any more when a duck is decided, ms. */
const GOING_ON = 96;

/**
 * Who has the floor: the turn-taking of one session (docs/listening.md). It knows no clock: time comes with what is told, and frames must keep coming
 * while nothing is heard, since only they tell silence. Each call returns what is to be done, in order.
 */
export class Floor {
  readonly #options: FloorOptions;
  readonly #cutter: PhraseCutter;
  readonly #listener: Listener;
  readonly #reader: Reader;
  /** Phrases that have come to nothing yet, in order; the last one may still go on. */
  #open: Phrase[] = [];
  #acts: FloorAct[] = [];
  #phrases = 0;
  /** When the microphone was last heard: the only time by which silence is measured. */
  #heardUntil = 0;
  /** `replying`: a turn was handed over and nothing is on air yet. */
  #avatar: 'silent' | 'replying' | 'speaking' = 'silent';
  #spokeUntil = Number.NEGATIVE_INFINITY;
  #duckedAt: number | undefined;
  /** When the avatar was last talked over, whatever was decided. */
  #contestedAt = Number.POSITIVE_INFINITY;
  #interruptedAt = Number.NEGATIVE_INFINITY;
  #listens = false;
  #draft: string | undefined;
  #drafts = 0;

  constructor(options: Partial<FloorOptions> = {}) {
    this.#options = { ...FLOOR, ...options };
    this.#cutter = new PhraseCutter(this.#options);
    this.#listener = new Listener(this.#options.language);
    this.#reader = new Reader(this.#options.language);
  }

  /** The next frame of the microphone; while it is muted or gone, silent ones. */
  frame({ at, speech, near }: FloorFrame): FloorAct[] {
    this.#heardUntil = at;
    const change = this.#cutter.frame(at, near && speech >= this.#options.voiceFrom);
    if (change === 'ends') this.#endPhrase(at);
    else if (change) this.#beginPhrase(at, change);
    const phrase = this.#current();
    if (change === 'ends') this.#contestedAt = Number.POSITIVE_INFINITY;
    if (phrase) phrase.lastVoicedAt = this.#cutter.lastVoicedAt;
    return this.#settle();
  }

  /** What was recognised. Texts of phrases that have come to something already change nothing. */
  heard({ phrase: id, text, final, at }: HeardText): FloorAct[] {
    const phrase = this.#open.find((one) => one.id === id);
    if (!phrase || phrase.final) return [];
    if (sayingOf(phrase.text) !== sayingOf(text)) phrase.changedAt = at;
    phrase.text = text.trim();
    phrase.final = final;
    return this.#settle();
  }

  /** The avatar's voice went on air, or has ended. */
  avatar({ speaking, at }: { readonly speaking: boolean; readonly at: number }): FloorAct[] {
    if (speaking === (this.#avatar === 'speaking')) return [];
    this.#avatar = speaking ? 'speaking' : 'silent';
    if (!speaking) {
      this.#spokeUntil = at;
      this.#unduck();
      if (this.#open.length > 0) this.#takeFloor();
    } else if (this.#cutter.isOn) {
      const phrase = this.#current();
      if (phrase) phrase.overReply = phrase.overVoice = true;
      this.#duck(at);
    }
    return this.#settle();
  }

  /** A reply that was on its way won't come. */
  gaveUp(): FloorAct[] {
    if (this.#avatar === 'replying') this.#avatar = 'silent';
    return this.#settle();
  }

  /** A clause goes on air. */
  said(text: string): void {
    this.#listener.said(text);
  }

  #current(): Phrase | undefined {
    const last = this.#open.at(-1);
    return last?.endedAt === undefined ? last : undefined;
  }

  get #isReplying(): boolean {
    return this.#avatar !== 'silent';
  }

  #beginPhrase(at: number, { begins: from, since }: { readonly begins: number; readonly since: number }): void {
    const id = (this.#phrases += 1);
    const heardByItself = this.#avatar === 'speaking' || at - this.#spokeUntil < ECHO_LASTS;
    const fresh = { text: '', final: false, changedAt: at, endedAt: undefined, begunAt: at, lastVoicedAt: at };
    const cutIn = at - this.#interruptedAt < STILL;
    this.#open.push({ id, ...fresh, overReply: this.#isReplying, overVoice: heardByItself, cutIn });
    this.#discard();
    this.#acts.push({ act: 'phraseBegins', phrase: id, from, since });
    if (this.#avatar === 'speaking') this.#duck(at);
    else this.#takeFloor();
  }

  #endPhrase(at: number): void {
    const phrase = this.#current();
    if (!phrase) return;
    phrase.endedAt = at;
    this.#acts.push({ act: 'phraseEnds', phrase: phrase.id });
    const isWord = phrase.text !== '' || phrase.lastVoicedAt - phrase.begunAt >= WORTH_A_NOD;
    if (isWord && this.#listens && this.#avatar === 'silent') this.#acts.push({ act: 'nod' });
  }

  /** Everything that may follow from what is known by now. */
  #settle(): FloorAct[] {
    this.#contest();
    this.#dismissWhatIsNothing();
    this.#conclude();
    this.#speculate();
    if (this.#waitedFor().length === 0 && !this.#cutter.stirs) this.#leaveFloor();
    return this.#acts.splice(0);
  }

  #dismissWhatIsNothing(): void {
    for (const phrase of this.#open.filter(({ endedAt }) => endedAt !== undefined)) {
      const meaning = this.#meaning(phrase);
      if (phrase.final && meaning !== 'speech' && meaning !== 'unknown') this.#dismiss(phrase, meaning);
      else if (!phrase.final && this.#isOverdue(phrase, this.#options.giveUpMs)) this.#dismiss(phrase, 'unheard');
    }
  }

  /** Talked over: the reply ends for words of one's own, and goes on after small signs and noises. */
  #contest(): void {
    if (!this.#isReplying) return;
    const meanings = this.#open.map((phrase) => this.#meaning(phrase));
    if (meanings.some((meaning) => meaning === 'speech' || meaning === 'command')) this.#interrupt();
    else if (this.#duckedAt !== undefined && (this.#open.length === 0 || this.#isSettled(meanings))) this.#unduck();
    else if (this.#duckedAt !== undefined && this.#heardUntil - this.#duckedAt >= this.#options.decideMs) {
      const goesOn = this.#cutter.isOn && this.#heardUntil - this.#cutter.lastVoicedAt < GOING_ON;
      if (goesOn && meanings.at(-1) === 'unknown') this.#interrupt();
      else this.#unduck();
    } else if (this.#cutter.isOn && meanings.at(-1) === 'unknown' && this.#outlasts()) this.#interrupt();
  }

  /** After a duck that was decided in a short pause, the voice went on all the same. */
  #outlasts(): boolean {
    const { decideMs, onsetMs } = this.#options;
    return this.#duckedAt === undefined && this.#cutter.lastVoicedAt - this.#contestedAt >= decideMs + onsetMs;
  }

  /** Nobody speaks any more, and what was said is known to be no interruption. */
  #isSettled(meanings: readonly Meaning[]): boolean {
    return !this.#cutter.isOn && meanings.every((meaning) => meaning !== 'unknown');
  }

  #speculate(): void {
    if (this.#cutter.isOn || this.#isReplying) return;
    const text = this.#text();
    if (this.#draft !== undefined && sayingOf(text) !== sayingOf(this.#draft)) this.#discard();
    if (this.#draft !== undefined || this.#drafts >= this.#options.drafts || this.#cutter.stirs) return;
    const phrases = this.#waitedFor();
    const { stableMs } = this.#options;
    const isStable = phrases.every(
      ({ final, changedAt, text: own }) => final || (own && this.#heardUntil - changedAt >= stableMs),
    );
    const isTurn = phrases.length > 0 && phrases.every((phrase) => ['speech', 'unknown'].includes(this.#meaning(phrase)));
    if (!isTurn || !isStable || this.#listener.isEmpty(text)) return;
    this.#draft = text;
    this.#drafts += 1;
    this.#acts.push({ act: 'draft', text });
  }

  /** The turn is over when nobody speaks, all of it is known, and the silence is as long as its sense asks for. */
  #conclude(): void {
    const phrases = this.#waitedFor();
    const last = phrases.at(-1);
    if (!last || this.#cutter.isOn || this.#cutter.stirs) return;
    if (!phrases.every(({ final, text }) => final || text)) return;
    const text = this.#text();
    if (phrases.some((phrase) => !phrase.final && !this.#isOverdue(phrase, this.#options.finalWithinMs))) return;
    if (this.#heardUntil - last.lastVoicedAt < this.#patience(text)) return;
    if (this.#listener.isEmpty(text)) return phrases.forEach((phrase) => this.#dismiss(phrase, 'backchannel'));
    this.#interrupt();
    if (this.#draft !== undefined && sayingOf(this.#draft) !== sayingOf(text)) this.#discard();
    const ids = phrases.map(({ id }) => id);
    this.#acts.push({ act: 'turn', text, lastVoicedAt: last.lastVoicedAt, phrases: ids });
    this.#open = this.#open.filter(({ id }) => !ids.includes(id));
    this.#draft = undefined;
    this.#drafts = 0;
    this.#listens = false;
    this.#avatar = 'replying';
  }

  #patience(text: string): number {
    const { finishedMs, unsureMs, unfinishedMs } = this.#options;
    return { finished: finishedMs, unsure: unsureMs, unfinished: unfinishedMs }[this.#reader.sense(text)];
  }

  #meaning(phrase: Phrase): Meaning {
    return this.#listener.meaning(phrase, this.#isReplying);
  }

  /** Phrases that the turn is made of; those whose recogniser let them down don't keep the others waiting. */
  #waitedFor(): Phrase[] {
    return this.#open.filter((phrase) => phrase.final || phrase.text || !this.#isOverdue(phrase, this.#options.finalWithinMs));
  }

  #isOverdue({ endedAt }: Phrase, ms: number): boolean {
    return endedAt !== undefined && this.#heardUntil - endedAt >= ms;
  }

  #text(): string {
    return this.#waitedFor()
      .map(({ text }) => text)
      .filter(Boolean)
      .join(' ');
  }

  #dismiss(phrase: Phrase, why: Dismissal): void {
    this.#open = this.#open.filter((one) => one !== phrase);
    this.#acts.push({ act: 'dismiss', phrase: phrase.id, why });
  }

  #duck(at: number): void {
    if (this.#duckedAt !== undefined) return;
    this.#duckedAt = this.#contestedAt = at;
    this.#acts.push({ act: 'duck' });
  }

  #unduck(): void {
    if (this.#duckedAt === undefined) return;
    this.#duckedAt = undefined;
    this.#acts.push({ act: 'unduck' });
  }

  /** What is being answered or spoken is over, and the host has the floor. */
  #interrupt(): void {
    if (!this.#isReplying) return;
    this.#duckedAt = undefined;
    this.#interruptedAt = this.#heardUntil;
    for (const phrase of this.#open) phrase.cutIn = true;
    if (this.#avatar === 'speaking') this.#spokeUntil = this.#heardUntil;
    this.#avatar = 'silent';
    this.#acts.push({ act: 'interrupt' });
    this.#takeFloor();
  }

  #takeFloor(): void {
    if (this.#listens) return;
    this.#listens = true;
    this.#acts.push({ act: 'listens' });
  }

  #leaveFloor(): void {
    this.#discard();
    if (!this.#listens) return;
    this.#listens = false;
    this.#drafts = 0;
    this.#acts.push({ act: 'leaves' });
  }

  #discard(): void {
    if (this.#draft === undefined) return;
    this.#draft = undefined;
    this.#acts.push({ act: 'discard' });
  }
}
