import type {
  ClientError,
  Connection,
  LoggedTurn,
  MicrophoneProblem,
  MicrophoneState,
  SightProblem,
  SightSource,
  SightState,
  Snapshot,
} from '#client/sdk/index.ts';

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

const TROUBLES: Readonly<Record<MicrophoneProblem, string>> = {
  unsupported: 'This browser gives this page no microphone; it takes a current browser and https. You can type instead.',
  denied: 'The microphone is blocked for this page. Allow it in the address bar and press the button again, or type.',
  no_device: 'No microphone was found. Plug one in and press the button again, or type.',
  unplugged: 'The microphone was unplugged. It goes on when it is back; you can type meanwhile.',
  busy: 'Another program has the microphone. Close it there and press the button again, or type.',
  taken_over: 'Your microphone is on in another window now. Press the button to have it back here.',
  other_host: "Somebody else's microphone is on. Once it is off, press the button again; you can type meanwhile.",
  refused: 'The server did not take the microphone. You can type instead.',
};

/** What is wrong with the microphone, and what helps. */
export function trouble({ status, problem }: MicrophoneState): string | undefined {
  if (problem === 'unplugged' && status !== 'off') return 'That microphone was unplugged; another one goes on.';
  return problem && TROUBLES[problem];
}

/** The screen has nothing to be blocked, only to be chosen. */
const DENIED: Readonly<Record<SightSource, string>> = {
  camera: 'The camera is blocked for this page. Allow it in the address bar and press the button again.',
  screen: 'No screen was chosen, so nothing is shown. Press the button again to choose one.',
};
const BLINDNESS: Readonly<Record<Exclude<SightProblem, 'denied'>, string>> = {
  unsupported: 'This browser gives this page nothing to show; it takes a current browser and https.',
  no_device: 'No camera was found. Plug one in and press the button again.',
  unplugged: 'The camera is gone, so nothing is shown any more. Press the button again when it is back.',
  busy: 'The camera gives no picture. Close the program that has it and press the button again.',
  not_sent: 'The picture could not be sent; you are answered without it.',
  missed: 'The picture came too late; you were answered without it.',
  refused: 'The model takes no pictures here, so nothing is shown any more. It answers what you say.',
};

/** Why the avatar doesn't see what is shown, and what helps. */
export function blindness({ problem, wanted }: SightState): string | undefined {
  if (problem === 'denied') return DENIED[wanted ?? 'camera'];
  return problem && BLINDNESS[problem];
}

/** That a picture went with a turn. */
export const picture = (image: NonNullable<LoggedTurn['image']>): string =>
  image === 'seen' ? 'With a picture' : 'Without the picture';

/** What the empty text box says while the microphone is on; undefined while it isn't. */
export function invitation({ status, isMuted, isPushToTalk, isHeld }: MicrophoneState): string | undefined {
  if (status === 'off') return undefined;
  if (status === 'asking') return 'Allow the microphone, or type';
  if (status === 'connecting') return 'Connecting the microphone…';
  if (isPushToTalk) return isHeld ? 'I hear you' : 'Hold the button or the space bar to talk';
  return isMuted ? 'Your microphone is muted; you can type' : 'Just talk, or type';
}

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
