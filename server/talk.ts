import { sleep } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import type { Blend } from '#base/expression.ts';
import type { Log } from '#base/log.ts';
import { MS_PER_FRAME } from '#base/media.ts';
import type { CreateSession } from '#protocol/http.ts';
import type { Face } from '#server/avatars/face.ts';
import type { PhraseKey, Pose } from '#server/avatars/phrases.ts';
import type { Stage } from '#server/media/stage.ts';
import type { RenderRequest } from '#server/render/renderer.ts';
import type { Talk, Utterance } from '#server/sessions/ports.ts';
import { say, speak, type SpeakOptions, type Spoken } from '#server/speech/speak.ts';
import type { Tts } from '#server/tts/tts.ts';
import { apologyFor } from './apology.ts';
import { fillersIn, nextFiller } from './fillers.ts';
import type { Foundation } from './foundation.ts';

/** How long it usually takes from an utterance's first window until it is on air, ms; the pose is chosen for then. */
const USUAL_START_MS = 150;

export interface TalkOptions {
  readonly avatar: Face;
  readonly request: Pick<CreateSession, 'voice' | 'language'>;
  readonly sessionId: string;
  readonly stage: Stage;
  /** Frames of the idle loop. */
  readonly loop: number;
  readonly log: Log;
}

/** Binds the walk to a session's avatar, renderer and stage. */
export async function talkOf(
  foundation: Foundation,
  { avatar, request, sessionId, stage, loop, log }: TalkOptions,
): Promise<Talk> {
  const { metrics, renderer, tts, flite, spending, phrases, clock } = foundation;
  const options = ({ id, traceId, language, voice, signal, mark, spent, ...utterance }: Utterance): SpeakOptions => ({
    voice: { voice: voice ?? voiceOf(avatar, tts), language },
    request: requestOf(avatar.key, stage, { sessionId, utteranceId: id, traceId }),
    signal,
    mark,
    working: utterance.working,
    confirmed: utterance.confirmed,
    still: utterance.still,
    unseen: utterance.unseen,
    spend: (usage) => spending.add(usage, spent),
    renderFailed: (error) => {
      metrics.providerErrors.inc({ provider: renderer.name, kind: 'render' });
      log.error({ err: error, utteranceId: id, traceId }, 'the renderer failed; the voice goes on');
    },
  });
  const failed = (error: unknown): void => {
    // A provider with a part has counted its failures by itself.
    if (error instanceof AvatarError && error.code === 'provider_failed' && !partOf(error))
      metrics.providerErrors.inc({ provider: tts.name, kind: 'failed' });
  };
  const speech = (utteranceId: string, { frames, outlook }: Spoken) => ({
    utteranceId,
    outlook,
    frames: watched(frames, failed),
  });
  const greeting = greetingOf(avatar, tts, request);
  const fillers = new Fillers(foundation, avatar, request);
  await Promise.all([...(greeting ? [greeting] : []), ...fillers.keys].map((key) => phrases.load(key, foundation)));
  const pose = (signal: AbortSignal): Pose => {
    return async (idleFrame, within) => {
      const ms = ((idleFrame - stage.idleFrameIn(USUAL_START_MS) + loop) % loop) * MS_PER_FRAME;
      if (ms <= within) await sleep(clock, ms, signal);
    };
  };
  return {
    speak: (prompt, utterance) => speech(utterance.id, speak(prompt, foundation, options(utterance))),
    say: (text, utterance) => {
      const voices = text === greeting?.text ? phrases.around(greeting, foundation, pose(utterance.signal)) : {};
      return speech(utterance.id, say(text, { ...foundation, ...voices }, options(utterance)));
    },
    *apologies(error, utterance, from) {
      const part = partOf(error);
      if (!part) return;
      // The turn's own stages were reached, or not, by what it was to say.
      const made = { ...options(utterance), mark: () => undefined, fromClause: from };
      if (part === 'llm') yield speech(utterance.id, say(apologyFor(part, languageOf(tts, utterance)), foundation, made));
      if (tts === flite) return;
      const voice = { voice: avatar.kind === 'drawn' ? avatar.voice : undefined, language: 'en' };
      const text = apologyFor(part, voice.language);
      yield speech(utterance.id, say(text, { ...foundation, tts: flite }, { ...made, voice }));
    },
    filler: (utterance) => {
      const key = fillers.next();
      if (!key) return undefined;
      const voices = phrases.around(key, foundation, pose(utterance.signal));
      return speech(utterance.id, say(key.text, { ...foundation, ...voices }, options(utterance)));
    },
    memory: foundation.historyTokens,
    sees: foundation.llm.sees ?? false,
  };
}

/** The own voice of a character that comes with the server is one of flite's, which other providers don't know. */
const voiceOf = ({ kind, voice }: Face, { name }: Tts): string | undefined =>
  kind === 'drawn' && name !== 'flite' ? undefined : voice;

/** The avatar's greeting as a session says it; undefined when it has none. */
export function greetingOf(face: Face, tts: Tts, { voice, language }: TalkOptions['request'] = {}): PhraseKey | undefined {
  const { greeting: text } = face;
  if (text === undefined) return undefined;
  return { face, text, voice: voice ?? voiceOf(face, tts), language: language ?? face.language ?? 'en' };
}

/** What an avatar says in a session while it thinks: none twice in a row, in the session's language and voice. */
class Fillers {
  readonly keys: readonly PhraseKey[];
  #last: string | undefined;

  constructor({ fills, tts }: Foundation, face: Face, { voice, language }: TalkOptions['request']) {
    const about = { face, voice: voice ?? voiceOf(face, tts), language: language ?? face.language ?? 'en' };
    this.keys = fills ? fillersIn(languageOf(tts, about)).map((text) => ({ ...about, text })) : [];
  }

  next(): PhraseKey | undefined {
    const texts = this.keys.map(({ text }) => text);
    this.#last = nextFiller(texts, this.#last);
    return this.keys.find(({ text }) => text === this.#last);
  }
}

/** Which part of the conversation's providers failed; undefined for other errors. */
function partOf({ code, details }: AvatarError): 'llm' | 'tts' | undefined {
  const part = code === 'provider_failed' ? details?.['part'] : undefined;
  return part === 'llm' || part === 'tts' ? part : undefined;
}

/** The embedded voice speaks English only. */
const languageOf = ({ name }: Tts, { language }: Pick<Utterance, 'language'>): string => (name === 'flite' ? 'en' : language);

/** The pose is asked for when the renderer first wants it, which is when the utterance's first sound is there. */
function requestOf(avatar: string, stage: Stage, speech: NonNullable<RenderRequest['speech']>): RenderRequest {
  let idleFrame: number | undefined;
  let blends: Blend[] | undefined;
  return {
    avatar,
    speech,
    idleBefore: (inMs, count) => stage.idleBefore(inMs, count),
    get idleFrame() {
      idleFrame ??= stage.idleFrameIn(USUAL_START_MS);
      return idleFrame;
    },
    get blends() {
      blends ??= stage.blendsIn(USUAL_START_MS);
      return blends;
    },
  };
}

async function* watched<T>(items: AsyncIterable<T>, failed: (error: unknown) => void): AsyncGenerator<T, void, undefined> {
  try {
    yield* items;
  } catch (error) {
    failed(error);
    throw error;
  }
}
