import { Queue } from '#base/queue.ts';
import { TICKS_PER_FRAME, type AvFrame, type Clause } from '#base/media.ts';
import { waitBeforeClause, waitBeforeUtterance, type Preference } from './start-rule.ts';
import type { ClauseOnAir, Speech, SpeechReport } from './types.ts';

/** Frames taken from the walk ahead of their instant, so that a blocked event loop of half a second doesn't break the voice. */
const READY_FRAMES = 15;
/** A voice that ran dry inside a clause goes on with so much of it, so that it doesn't stutter. */
const REFILL = 25 * TICKS_PER_FRAME;
/** Frames that were given out last and may be wanted again: what is decided ahead of its picture, and some before. */
const GIVEN_FRAMES = 20;

/** A clause that is being given out: where it begins in the utterance, and where it ends once that was given out, ticks. */
interface Given {
  readonly clause: Clause;
  readonly from: number;
  to: number | undefined;
}

/** What a speech has for the next instant: a frame, a wait (ms, when known) before its next clause, a stall inside one, or its end. */
export type Next =
  | { readonly kind: 'frame'; readonly frame: AvFrame }
  | { readonly kind: 'wait'; readonly etaMs: number | undefined; readonly why?: string | undefined }
  | { readonly kind: 'stall' }
  | { readonly kind: 'end' };

/** One utterance on its way through playout: reads its frames ahead, knows where it is, and reports what was spoken. */
export class Airing {
  readonly speech: Speech;
  readonly report: Promise<SpeechReport>;
  state: 'waiting' | 'speaking' | 'over' = 'waiting';
  startedAt: number | undefined;
  /** True once it may only finish its present clause. */
  draining = false;
  readonly #ready = new Queue<AvFrame>(READY_FRAMES);
  readonly #spoken: Given[] = [];
  /** The last frames that followed each other on air, and of these the ones that come once more. */
  readonly #given: AvFrame[] = [];
  readonly #again: AvFrame[] = [];
  readonly #frames: AsyncIterator<AvFrame>;
  #resolve!: (report: SpeechReport) => void;
  #failure: { readonly error: unknown } | undefined;
  readonly #prefer: Preference;
  #position = 0;
  /** When its first sound was there, ms. */
  #heardAt: number | undefined;
  #ranDry = false;
  #paused = false;
  /** The pace its present clause was started by, s of work per s. */
  #rtfAtStart = 0;

  constructor(speech: Speech, prefer: Preference = 'prompt') {
    this.speech = speech;
    this.#prefer = prefer;
    this.#frames = speech.frames[Symbol.asyncIterator]();
    this.report = new Promise((resolve) => (this.#resolve = resolve));
    void this.#read();
  }

  /** Ticks of the utterance already given out. */
  get position(): number {
    return this.#position;
  }

  /** True once every tick of the voice was given out. */
  get complete(): boolean {
    return this.speech.outlook.ended && this.#position >= this.speech.outlook.known;
  }

  /** Decides the next instant. Inside a clause frames follow each other; a clause starts when it can't stall, and not within `holdMs`. */
  next(now: number, holdMs = 0): Next {
    const next = this.#next(now, holdMs);
    if (next.kind !== 'frame') this.#paused = true;
    return next;
  }

  #next(now: number, holdMs: number): Next {
    if (this.state === 'over') return { kind: 'end' };
    const inside = this.state === 'speaking';
    if (!inside && this.draining) return { kind: 'end' };
    const head = this.#head;
    if (!head) {
      if (this.#ready.ended) return { kind: 'end' };
      this.#ranDry = inside;
      return inside ? { kind: 'stall' } : { kind: 'wait', etaMs: undefined };
    }
    if (this.#ranDry && !this.#refilled) return { kind: 'stall' };
    this.#ranDry = false;
    if (!inside && holdMs > 0) return { kind: 'wait', etaMs: holdMs };
    if (!inside && head.startOfClause) {
      const wait = this.#wait(now);
      if (wait !== 0) return this.#waiting(wait, now);
      this.#rtfAtStart = this.speech.outlook.rtf;
    }
    if (!this.#again.shift()) this.#ready.shift();
    this.#count(head);
    return { kind: 'frame', frame: head };
  }

  /** Why its pictures aren't there in time, in words. */
  trouble(now: number): string {
    const { outlook } = this.speech;
    if (outlook.trouble !== undefined) return outlook.trouble;
    if (this.#ranDry) return 'the voice is made more slowly than it is spoken';
    if (outlook.drawn >= this.#position) return 'the renderer leaves pictures out';
    const [rtf, before] = [outlook.latestRtf(now), this.#rtfAtStart].map((one) => one.toFixed(1)) as [string, string];
    if (rtf === before) return 'pictures are not drawn in time';
    return `pictures are drawn more slowly than measured: ${rtf} instead of ${before} s per second`;
  }

  /** Stops here: what is still queued or being made is thrown away. @param heard ticks of it that were heard */
  finish(outcome: SpeechReport['outcome'], heard = this.#position): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.#ready.clear();
    this.#again.length = 0;
    void this.#frames.return?.().catch(() => undefined);
    const report = { spoken: this.#spokenUntil(heard), startedAt: this.startedAt };
    const failed = outcome === 'done' && this.#failure;
    this.#resolve(failed ? { ...report, outcome: 'failed', error: failed.error } : { ...report, outcome });
  }

  /** The sound of the present clause that would have come next; for a fade-out. */
  peekSound(): Int16Array | undefined {
    return this.state === 'speaking' ? this.#head?.sound : undefined;
  }

  /** The sound before `ticks` of the utterance, as far back as it is still there and no pause lies between. */
  soundBefore(ticks: number): Int16Array {
    const frames = this.#given.filter(({ frame }) => frame * TICKS_PER_FRAME < ticks);
    const sound = new Int16Array(frames.length * TICKS_PER_FRAME);
    frames.forEach((frame, at) => sound.set(frame.sound, at * TICKS_PER_FRAME));
    return sound.subarray(0, Math.max(0, ticks - (frames[0]?.frame ?? 0) * TICKS_PER_FRAME));
  }

  /** Goes back to the frame that holds `ticks`, which has just been given out: it comes next, and all that followed it. */
  goBack(ticks: number): void {
    const at = this.#given.findIndex(({ frame }) => (frame + 1) * TICKS_PER_FRAME > ticks);
    if (at < 0) return;
    const again = this.#given.splice(at);
    // Not twice as far: pictures are kept no longer.
    this.#given.length = 0;
    this.#again.unshift(...again);
    this.#position -= again.length * TICKS_PER_FRAME;
    while ((this.#spoken.at(-1)?.from ?? -1) >= this.#position) this.#spoken.pop();
    const current = this.#spoken.at(-1);
    if (current && (current.to ?? 0) > this.#position) current.to = undefined;
    this.state = again[0]?.startOfClause ? 'waiting' : 'speaking';
  }

  /** The clause that is being given out, whose next tick is due with stage frame `frame`. */
  clauseOnAir(frame: number): ClauseOnAir | undefined {
    const given = this.#spoken.at(-1);
    if (!given) return undefined;
    const { outlook, utteranceId } = this.speech;
    const { clause, from } = given;
    const end = outlook.clauseEndAfter(from) ?? outlook.known;
    const startFrame = frame - (this.#position - from) / TICKS_PER_FRAME;
    return { utteranceId, clause, outlook, startFrame, endFrame: startFrame + Math.ceil((end - from) / TICKS_PER_FRAME) };
  }

  get #head(): AvFrame | undefined {
    return this.#again[0] ?? this.#ready.peek();
  }

  #spokenUntil(heard: number): SpeechReport['spoken'] {
    const { outlook } = this.speech;
    return this.#spoken
      .filter(({ from }) => from < heard)
      .map(({ clause, from, to = Infinity }) => ({
        clause,
        complete: to <= heard,
        heard: Math.min(heard, to) - from,
        length: (outlook.clauseEndAfter(from) ?? outlook.known) - from,
        words: outlook.wordsOf(clause.index)?.words,
      }));
  }

  #wait(now: number): number | undefined {
    const { outlook } = this.speech;
    if (outlook.known > 0) this.#heardAt ??= now;
    if (this.#prefer === 'prompt' || this.#position > 0) return waitBeforeClause(outlook, this.#position, now);
    return waitBeforeUtterance(outlook, now, now - (this.#heardAt ?? now));
  }

  /** A wait is told as long as the renderer itself has to wait, at least. */
  #waiting(etaMs: number | undefined, now: number): Next {
    const { wait } = this.speech.outlook;
    if (!wait) return { kind: 'wait', etaMs };
    return {
      kind: 'wait',
      etaMs: etaMs ?? (wait.until === undefined ? undefined : Math.max(1, wait.until - now)),
      why: wait.why,
    };
  }

  get #refilled(): boolean {
    const { outlook } = this.speech;
    return outlook.ended || outlook.clauseEndAfter(this.#position) !== undefined || outlook.known - this.#position >= REFILL;
  }

  #count(frame: AvFrame): void {
    if (frame.startOfClause) this.#spoken.push({ clause: frame.clause, from: this.#position, to: undefined });
    this.#position += TICKS_PER_FRAME;
    const current = this.#spoken.at(-1);
    if (frame.endOfClause && current) current.to = this.#position;
    if (this.#paused) this.#given.length = 0;
    this.#paused = false;
    this.#given.push(frame);
    if (this.#given.length > GIVEN_FRAMES) this.#given.shift();
    this.state = frame.endOfClause ? 'waiting' : 'speaking';
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const result = await this.#frames.next();
        if (result.done || !(await this.#ready.push(result.value))) break;
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.#ready.end();
  }
}
