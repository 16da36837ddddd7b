import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Still } from '#base/media.ts';
import { newTraceId } from '#base/trace.ts';
import type { Turn } from '#protocol/http.ts';
import type { Prompt } from '#server/llm/llm.ts';
import type { Speech } from '#server/media/types.ts';
import type { TurnStage } from '#server/telemetry/timeline.ts';
import type { TurnsOptions } from './asking.ts';
import { begun } from './begun.ts';
import { bridge } from './bridge.ts';
import { instructions, messages } from './history.ts';
import { drafted, pend, turnOf, type Pending } from './pending.ts';
import type { Utterance } from './ports.ts';

/** Makes the speech that answers a turn, from what was said so far. */
export class Replies {
  readonly #options: TurnsOptions;
  readonly #all: () => readonly Turn[];

  constructor(options: TurnsOptions, all: () => readonly Turn[]) {
    this.#options = options;
    this.#all = all;
  }

  /** Begins a reply to what may not be the whole turn. Nothing of it is on air or in the transcript before it is confirmed. */
  draft(text: string, still?: Promise<Still | undefined>): Pending {
    const turn = turnOf('chat', text, { utteranceId: randomUUID(), traceId: newTraceId() });
    const pending = pend(turn, text, this.#options, still);
    const prompt = this.#promptOf(text);
    pending.draft = drafted(prompt, (signal, confirmed) => {
      const utterance = this.utterance(pending);
      const both = AbortSignal.any([utterance.signal, signal]);
      return this.#options.talk.speak(prompt, { ...utterance, signal: both, confirmed });
    });
    return pending;
  }

  #speech(pending: Pending): Speech {
    const { talk } = this.#options;
    const { turn, text, draft } = pending;
    if (turn.mode !== 'chat') return talk.say(text, this.utterance(pending));
    const prompt = this.#promptOf(text);
    if (draft && isDeepStrictEqual(prompt, draft.prompt)) {
      draft.confirmed.resolve();
      return draft.speech;
    }
    // What was said since it was begun would be forgotten.
    draft?.drop();
    if (draft) pending.timeline.anew();
    return talk.speak(prompt, this.utterance(pending));
  }

  /** The speech that answers it. Who waits long hears something meanwhile. */
  async begin(pending: Pending): Promise<Speech> {
    const speech = this.#speech(pending);
    const { stage, clock, talk } = this.#options;
    if (pending.turn.mode !== 'chat') return speech;
    const { items, first } = begun(speech.frames);
    const utterance = this.utterance(pending);
    const id = `${utterance.id}.filler`;
    const filler = (): Speech | undefined => talk.filler({ ...utterance, id, mark: () => undefined });
    await bridge(pending, first, { stage, clock, filler });
    return { ...speech, frames: items };
  }

  #promptOf(text: string): Prompt {
    const { talk, system, language } = this.#options;
    const past = this.#all().filter(({ state }) => state !== 'queued' && state !== 'thinking');
    const said = messages(past, text, system, talk.memory);
    return { system: instructions(system, said), messages: said, language };
  }

  /** What is made for it. */
  utterance(pending: Pending): Utterance {
    const { language, voice } = this.#options;
    const { turn, timeline, abort, spent, clause, working, still } = pending;
    const mark = (stage: TurnStage): void => {
      timeline.mark(stage);
      if (stage === 'firstClause') clause.resolve();
    };
    return {
      id: turn.utteranceId,
      traceId: timeline.traceId,
      language,
      voice,
      signal: abort.signal,
      mark,
      spent,
      working: () => working.resolve(),
      still,
      unseen: (why) => (pending.unseen = why),
    };
  }
}
