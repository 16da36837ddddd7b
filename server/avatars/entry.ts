import { join } from 'node:path';
import { AvatarError } from '#base/errors.ts';
import type { AvatarDetails, AvatarInfo, AvatarState } from '#protocol/http.ts';
import type { BuiltIn } from './catalogue.ts';
import type { Face } from './face.ts';
import { ENGINES, shownBy } from './kinds.ts';
import { keyOf, type KeptAvatar, type Version } from './store.ts';

/** How far a version is. */
export interface Progress {
  readonly step: 'reading' | 'idle' | 'greeting';
  /** 0 to 1. */
  readonly progress: number;
}

/** An avatar that was made here, as it is now. */
export interface Entry {
  kept: KeptAvatar;
  /** Its current version has all that this renderer needs. */
  serves: boolean;
  making: { readonly abort: AbortController; at: Progress } | undefined;
  /** Why the last try failed, where it is tried again. */
  trouble: string | undefined;
  /** Sessions per version. */
  readonly holders: Map<string, number>;
}

/** The version that is to be made: the next one, or the current one when this renderer has yet to draw it. */
export function wanted({ kept, serves }: Entry): Version | undefined {
  if (kept.deleted) return undefined;
  return [kept.next, serves ? undefined : kept.current].find((version) => version && version.failure === undefined);
}

export const CLIP_NOTICE =
  'No engine here can make this face speak, so its clip is shown as it is while the voice is heard. RENDERER=remote would draw it.';

const FACELESS_NOTICE = 'No face was recognised in its picture; that is fine for a drawing or an animal.';

export const cannotShow = (kind: string): string =>
  `The renderer of this server (portrait) moves drawings, it can't make ${kind === 'image' ? 'a photograph' : 'this'} speak: set RENDERER=remote, or make the avatar from an idle clip, which is shown as it is.`;

export function faceOf(id: string, version: Version, folder: string, renderer: string): Face {
  const { name, kind, voice, language, greeting, prompt } = version;
  const shown = shownBy(kind, renderer);
  return {
    id,
    name,
    kind,
    key: keyOf(id, version.version),
    voice,
    language,
    greeting,
    prompt,
    folder: join(folder, id, version.version),
    shownBy: shown === 'clip' ? 'clip' : 'renderer',
    lesser: shown === 'clip' ? CLIP_NOTICE : undefined,
  };
}

export const builtInFace = ({ id, name, voice }: BuiltIn): Face => ({
  id,
  name,
  kind: 'drawn',
  key: id,
  voice,
  language: undefined,
  greeting: undefined,
  prompt: undefined,
  folder: undefined,
  shownBy: 'renderer',
  lesser: undefined,
});

export const builtInInfo = ({ id, name, voice }: BuiltIn, renderer: string, speaks: boolean): AvatarInfo => ({
  id,
  name,
  renderer,
  ...(speaks ? { voice } : {}),
  kind: 'drawn',
  state: 'ready',
});

export function infoOf(entry: Entry, renderer: string): AvatarInfo {
  const { kept, serves } = entry;
  const { name, kind, voice } = shownVersion(entry);
  const shown = shownBy(kind, renderer);
  return {
    id: kept.id,
    name,
    renderer: shown === 'renderer' ? renderer : shown,
    ...(voice === undefined ? {} : { voice }),
    kind,
    state: serves ? 'ready' : stateOf(entry).state,
  };
}

export function detailsOf(entry: Entry, renderer: string): AvatarDetails {
  const { kept, serves } = entry;
  const { prompt, language, greeting, kind } = shownVersion(entry);
  const making = stateOf(entry);
  return {
    ...infoOf(entry, renderer),
    ...(prompt === undefined ? {} : { prompt }),
    ...(language === undefined ? {} : { language }),
    ...(greeting === undefined ? {} : { greeting }),
    createdAt: kept.createdAt,
    engines: [...ENGINES[kind]],
    ...noticeOf(shownVersion(entry), renderer),
    ...(serves ? {} : making.about),
    ...(serves && kept.next ? { replacement: { state: making.state, ...making.about } } : {}),
  };
}

function noticeOf({ kind, faceless = false }: Version, renderer: string): { notice?: string } {
  const notices = [...(shownBy(kind, renderer) === 'clip' ? [CLIP_NOTICE] : []), ...(faceless ? [FACELESS_NOTICE] : [])];
  return notices.length === 0 ? {} : { notice: notices.join(' ') };
}

/** What clients see of it while two versions are there: the one that serves. */
function shownVersion({ kept, serves }: Entry): Version {
  const version = serves ? (kept.current ?? kept.next) : (kept.next ?? kept.current);
  if (!version) throw new AvatarError('internal', `The avatar ${kept.id} has no version.`);
  return version;
}

function stateOf({ kept, making, trouble }: Entry): {
  state: Exclude<AvatarState, 'ready'>;
  about: Partial<Progress> & { reason?: string };
} {
  const { failure } = kept.next ?? kept.current ?? {};
  if (failure !== undefined) return { state: 'failed', about: { reason: failure } };
  if (making) return { state: 'building', about: { step: making.at.step, progress: Math.round(making.at.progress * 100) / 100 } };
  return { state: 'queued', about: trouble === undefined ? {} : { reason: trouble } };
}
