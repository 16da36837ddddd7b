import type { SessionInfo } from '#protocol/http.ts';
import type { StateEvent } from '#protocol/signalling.ts';
import type { SessionParts } from './ports.ts';

interface Told {
  readonly id: string;
  readonly createdAt: number;
  readonly parts: Pick<SessionParts, 'avatar' | 'viewers' | 'hls' | 'stage'>;
  readonly state: StateEvent;
}

/** What is told of a session. */
export function infoOf({ id, createdAt, parts, state }: Told, timings: SessionInfo['timings']): SessionInfo {
  const { avatar, viewers, hls, stage } = parts;
  return {
    id,
    avatar: avatar.id,
    state: state.state,
    ...(state.reason === undefined ? {} : { reason: state.reason }),
    createdAt,
    viewers: { ...viewers.counts, hls: hls.viewers },
    timings,
    sync: stage.sync.status(),
  };
}
