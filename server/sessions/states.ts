import type { SessionState } from '#protocol/http.ts';

/**
 * idle: nobody is there. listening: somebody is, or speaks, also into what the avatar was saying. thinking: a prompt is being answered, nothing on air yet. buffering: on air, waiting for pictures.
 * speaking. degraded: the voice goes on without its pictures, or the last turn failed. closed: over.
 */
export const TRANSITIONS: Readonly<Record<SessionState, readonly SessionState[]>> = {
  idle: ['listening', 'thinking', 'closed'],
  listening: ['idle', 'thinking', 'buffering', 'speaking', 'degraded', 'closed'],
  thinking: ['buffering', 'speaking', 'degraded', 'listening', 'idle', 'closed'],
  buffering: ['speaking', 'thinking', 'degraded', 'listening', 'idle', 'closed'],
  speaking: ['buffering', 'thinking', 'degraded', 'listening', 'idle', 'closed'],
  degraded: ['buffering', 'speaking', 'thinking', 'listening', 'idle', 'closed'],
  closed: [],
};

export const mayGo = (from: SessionState, to: SessionState): boolean => TRANSITIONS[from].includes(to);

/** States in which a turn is under way. */
export const isBusy = (state: SessionState): boolean => state === 'thinking' || state === 'buffering' || state === 'speaking';
