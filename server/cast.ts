import { join } from 'node:path';
import type { Lifetime } from '#base/lifetime.ts';
import { Avatars } from './avatars/avatars.ts';
import type { Engine } from './avatars/build.ts';
import { closedLoop } from './avatars/closed-loop.ts';
import { clipLength, clipPictures } from './avatars/darkroom/darkroom.ts';
import { ExpressionReels, isExpressive } from './avatars/expression-reels.ts';
import type { Face } from './avatars/face.ts';
import { hasOneFace } from './avatars/faces/faces.ts';
import { IdleLoops } from './avatars/idle-loops.ts';
import { Phrases } from './avatars/phrases.ts';
import { homeOf, type AvatarStore } from './avatars/store.ts';
import type { Config } from './config.ts';
import type { Foundation } from './foundation.ts';
import { makeGreeting } from './greeting.ts';
import { clipRenderer } from './render/clip.ts';
import type { Renderer } from './render/renderer.ts';

interface Around extends Pick<Foundation, 'renderer' | 'llm' | 'tts' | 'flite' | 'spending' | 'clock' | 'log' | 'metrics'> {
  readonly config: Pick<Config, 'dataDir' | 'maxAvatars' | 'expressions'>;
  /** Stands in for the renderer where it can't draw in time. */
  readonly understudy: Renderer | undefined;
  readonly store: AvatarStore;
  readonly isWanted: (avatar: string) => boolean;
}

export interface Cast extends Pick<Foundation, 'avatars' | 'engineOf' | 'phrases' | 'expressions'> {
  readonly idleLoops: IdleLoops;
}

/** Everybody who can be shown, and what shows them: the server's renderer, or a clip as it is where that can't. All of it is `life`'s. */
export async function openCast(around: Around, life: Lifetime): Promise<Cast> {
  const { config, store, renderer, understudy, tts, flite, isWanted, clock, log, metrics } = around;
  const folder = join(config.dataDir, 'avatars');
  const home = (key: string): string | undefined => homeOf(folder, key);
  const options = { folder: join(config.dataDir, 'idle'), home, log };
  const idleLoops = new IdleLoops({ ...options, renderer, understudy });
  life.defer((reason) => idleLoops.close(reason));
  const draws = config.expressions && isExpressive(renderer) ? renderer : undefined;
  const expressions = draws && new ExpressionReels({ renderer: draws, folder: options.folder, clock, log });
  life.defer((reason) => expressions?.close(reason));
  const clips = openClips(around, home, options, life);
  const engineOf = ({ shownBy }: Face): Engine => (shownBy === 'clip' ? clips : { renderer, idleLoops });
  const phrases = new Phrases({ log, metrics });
  const avatars = await Avatars.open({
    renderer: renderer.name,
    folder,
    store,
    engineOf,
    hasOneFace,
    greet: (face, signal) => makeGreeting(face, { ...around, phrases, engineOf }, signal),
    forget: async (key) => {
      phrases.forget(key);
      await Promise.all([idleLoops.drop(key), clips.idleLoops.drop(key)]);
    },
    isWanted,
    max: config.maxAvatars,
    speaksBuiltIn: tts === flite,
    clock,
    log,
    metrics,
  });
  life.defer((reason) => avatars.close(reason));
  return { avatars, engineOf, phrases, expressions, idleLoops };
}

function openClips(
  { renderer: { geometry } }: Around,
  home: (key: string) => string | undefined,
  options: Omit<ConstructorParameters<typeof IdleLoops>[0], 'renderer'>,
  life: Lifetime,
): Engine {
  const renderer = clipRenderer({
    size: geometry,
    async *loop(avatar, signal) {
      const folder = home(avatar) ?? '';
      yield* closedLoop(clipPictures(folder, geometry, signal), await clipLength(folder, signal));
    },
    async *from(avatar, frame) {
      yield* (await idleLoops.get(avatar)).pictures(frame);
    },
  });
  life.defer((reason) => renderer.close(reason));
  const idleLoops = new IdleLoops({ ...options, renderer });
  life.defer((reason) => idleLoops.close(reason));
  return { renderer, idleLoops };
}
