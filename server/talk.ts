import { AvatarError } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { Stage } from '#server/media/stage.ts';
import type { Talk, Utterance } from '#server/sessions/ports.ts';
import { say, speak, type SpeakOptions, type Spoken } from '#server/speech/speak.ts';
import type { Foundation } from './foundation.ts';

/** How long it usually takes from an utterance's first window until it is on air, ms; the pose is chosen for then. */
const USUAL_START_MS = 150;

/** Binds the walk to a session's avatar, renderer and stage. */
export function talkOf(
  foundation: Foundation,
  avatar: { readonly id: string; readonly voice: string },
  stage: Stage,
  log: Log,
): Talk {
  const { metrics, renderer, tts } = foundation;
  const options = ({ id, language, voice, signal, mark }: Utterance): SpeakOptions => ({
    // An avatar's own voice is one of flite's, which other providers don't know.
    voice: { voice: voice ?? (tts.name === 'flite' ? avatar.voice : undefined), language },
    request: requestOf(avatar.id, stage),
    signal,
    mark,
    renderFailed: (error) => {
      metrics.providerErrors.inc({ provider: renderer.name, kind: 'render' });
      log.error({ err: error, utteranceId: id }, 'the renderer failed; the voice goes on');
    },
  });
  const failed = (error: unknown): void => {
    if (error instanceof AvatarError && error.code === 'provider_failed')
      metrics.providerErrors.inc({ provider: tts.name, kind: 'failed' });
  };
  const speech = (utteranceId: string, { frames, outlook }: Spoken) => ({
    utteranceId,
    outlook,
    frames: watched(frames, failed),
  });
  return {
    speak: (prompt, utterance) => speech(utterance.id, speak(prompt, foundation, options(utterance))),
    say: (text, utterance) => speech(utterance.id, say(text, foundation, options(utterance))),
  };
}

/** The pose is asked for when the renderer first wants it, which is when the utterance's first sound is there. */
function requestOf(avatar: string, stage: Stage): SpeakOptions['request'] {
  let idleFrame: number | undefined;
  return {
    avatar,
    get idleFrame() {
      idleFrame ??= stage.idleFrameIn(USUAL_START_MS);
      return idleFrame;
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
