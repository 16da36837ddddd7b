import type { ClientError, Connection, Snapshot } from '#client/sdk/index.ts';

type ErrorCode = ClientError['code'];

/** A notice in the viewer's words. */
export interface Notice {
  readonly title: string;
  readonly text: string;
}

const NOTICES: Partial<Record<ErrorCode, Notice>> = {
  session_not_found: { title: 'This conversation is gone', text: 'It has ended, or the link is not complete.' },
  session_closed: { title: 'This conversation has ended', text: 'Start again whenever you like.' },
  unauthorized: { title: 'This link is not valid', text: 'It may have expired, or a part of it is missing. Ask for a new one.' },
  forbidden: { title: 'This link is not valid', text: 'It belongs to another conversation. Ask for a new one.' },
  too_many_sessions: {
    title: 'All avatars are busy',
    text: 'The server has as many conversations as it can hold. Try again in a minute.',
  },
  too_many_viewers: { title: 'This stage is full', text: 'It has as many viewers as it can hold. We keep trying.' },
  unsupported: {
    title: "This browser can't show the avatar",
    text: 'It can play neither WebRTC with H.264 nor HLS. A current Chrome, Firefox, Safari or Edge can.',
  },
};

/** What stands where the picture should be when it won't come. */
export function ending({ code, message }: ClientError): Notice {
  return NOTICES[code] ?? { title: 'This did not work', text: message };
}

const REFUSALS: Partial<Record<ErrorCode, string>> = {
  too_many_prompts: "That's more than I can take in at once. Let me finish first.",
  rate_limited: 'That was too fast. Wait a moment and try again.',
  forbidden: 'Only the host of this conversation can speak.',
  unreachable: 'There is no connection right now. Your text is still here; send it again in a moment.',
  timeout: 'The server did not answer. Your text is still here; send it again.',
};

/** Why a prompt did not go through. */
export const refusal = ({ code, message }: ClientError): string => REFUSALS[code] ?? message;

/** The avatar's state as a word or two. */
export function mood({ state, connection }: Pick<Snapshot, 'state' | 'connection'>): string {
  if (connection.status === 'ended') return 'Ended';
  if (connection.status === 'reconnecting') return 'Reconnecting';
  if (!state || connection.status === 'connecting') return 'Connecting';
  switch (state.state) {
    case 'idle':
      return 'Ready';
    case 'listening':
      return 'Listening';
    case 'thinking':
      return 'Thinking';
    case 'buffering':
      return state.etaMs ? `Speaking in ${seconds(state.etaMs)}` : 'Almost ready to speak';
    case 'speaking':
      return 'Speaking';
    case 'degraded':
      return 'Having trouble';
    case 'closed':
      return 'Ended';
  }
}

/** Where the picture comes from, in two words. */
export function route({ status, transport }: Connection): string {
  if (status === 'ended' || !transport) return 'Not connected';
  return transport === 'webrtc' ? 'Live by WebRTC' : 'Live by HLS';
}

/** As the viewer's own clocks show it. */
export const timeOfDay = (unixMs: number): string => new Date(unixMs).toLocaleTimeString([], { timeStyle: 'medium' });

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
export const milliseconds = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : seconds(ms));
