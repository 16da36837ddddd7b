import type { Clock } from '#base/clock.ts';
import type { AvFrame, Clause, Still } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import { Pace } from '#base/pace.ts';
import type { Spend } from '#base/usage.ts';
import type { Llm, Prompt } from '#server/llm/llm.ts';
import type { Renderer, RenderRequest } from '#server/render/renderer.ts';
import type { Tts, Voice } from '#server/tts/tts.ts';
import { clauses } from './clauses.ts';
import { hear } from './hear.ts';
import { pair } from './pair.ts';
import { asWritten, aloud } from './speakable.ts';
import { window } from './windows.ts';
import { WordTimes } from './word-times.ts';

/** What an answer is made with. */
export interface Voices {
  readonly llm: Llm;
  readonly tts: Tts;
  readonly renderer: Renderer;
  readonly clock: Clock;
}

export interface SpeakOptions {
  readonly voice: Voice;
  readonly request: RenderRequest;
  readonly signal: AbortSignal;
  /** Called when a stage of the turn is reached for the first time. */
  mark(stage: 'firstToken' | 'firstClause' | 'firstAudio' | 'firstWindow' | 'firstFrame'): void;
  renderFailed(error: unknown): void;
  /** Told what providers used. */
  readonly spend?: Spend | undefined;
  /** Called when the model asks the server for something, and its answer has to wait. */
  readonly working?: (() => void) | undefined;
  /** What is shown with the prompt, which may come later than it; none when it doesn't come in time. */
  readonly still?: Promise<Still | undefined> | undefined;
  /** Called when that is not seen, and the answer is given without it. */
  readonly unseen?: ((why: 'missed' | 'refused') => void) | undefined;
  /** Nothing more than the first clause's voice is made before this resolves. */
  readonly confirmed?: Promise<void> | undefined;
  /** The number of the first clause; 0 when left out. */
  readonly fromClause?: number | undefined;
}

export interface Spoken {
  readonly frames: AsyncGenerator<AvFrame, void, undefined>;
  readonly outlook: Outlook;
}

/** The walk: the model's answer to `prompt` as sound and pictures, made while it is taken. */
export function speak(prompt: Prompt, voices: Voices, options: SpeakOptions): Spoken {
  return walk((signal) => answer(prompt, voices.llm, options, signal), voices, options);
}

/** The same for a text that is already there. */
export function say(text: string, voices: Voices, options: SpeakOptions): Spoken {
  return walk(() => once(text), voices, options);
}

async function* answer(
  prompt: Prompt,
  llm: Llm,
  { still, spend, working, unseen }: SpeakOptions,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const image = await still;
  if (still && !image) unseen?.('missed');
  yield* llm.complete(image ? { ...prompt, image } : prompt, signal, spend, working, () => unseen?.('refused'));
}

function walk(
  told: (signal: AbortSignal) => AsyncIterable<string>,
  { tts, renderer, clock }: Voices,
  options: SpeakOptions,
): Spoken {
  const { voice, request, mark, renderFailed } = options;
  const life = new AbortController();
  const signal = AbortSignal.any([options.signal, life.signal]);
  const outlook = new Outlook(renderer.expectedRtf, paceOf(renderer));
  const tokens = marked(told(signal), () => mark('firstToken'));
  const written = new Map<number, Clause>();
  const text = marked(clauses(tokens, { clock, language: voice.language, signal, from: options.fromClause }), () =>
    mark('firstClause'),
  );
  const wanted = options.confirmed ? firstThen(text, options.confirmed) : text;
  const said = tts.synthesize(aloud(wanted, voice.language, written), voice, signal, options.spend);
  const words = new WordTimes(voice.language, outlook);
  const sound = marked(asWritten(words.told(said, written), written), () => mark('firstAudio'));
  const windows = window(words.heard(hear(sound, tts.rate)), renderer.geometry);
  const frames = pair(windows, {
    renderer,
    request,
    outlook,
    clock,
    signal,
    confirmed: options.confirmed,
    firstWindow: () => mark('firstWindow'),
    firstFrame: () => mark('firstFrame'),
    renderFailed,
    stop: () => life.abort(),
  });
  return { frames, outlook };
}

/** What was learned of each renderer while it lives, so that an utterance needn't learn it anew. */
const paces = new WeakMap<Renderer, Pace>();

function paceOf(renderer: Renderer): Pace {
  const pace = paces.get(renderer) ?? new Pace(renderer.expectedRtf, renderer.geometry.freshFrames);
  paces.set(renderer, pace);
  return pace;
}

async function* once(text: string): AsyncGenerator<string> {
  yield await Promise.resolve(text);
}

/** The first of `items`, and the others once `confirmed` resolves. */
async function* firstThen<T>(items: AsyncIterable<T>, confirmed: Promise<void>): AsyncGenerator<T, void, undefined> {
  for await (const item of items) {
    yield item;
    await confirmed;
  }
}

async function* marked<T>(items: AsyncIterable<T>, first: () => void): AsyncGenerator<T, void, undefined> {
  let seen = false;
  for await (const item of items) {
    if (!seen) first();
    seen = true;
    yield item;
  }
}
