import type { Capabilities } from './capabilities.ts';

/** How the picture should come: by WebRTC with HLS behind it, or one of them only. */
export type TransportChoice = 'auto' | 'webrtc' | 'hls';

/**
 * waiting: no signalling, or about to join again; starting: WebRTC asked for, no picture yet; webrtc: a picture;
 * restarting: its path is lost, ICE restarts; hls; ended: for good.
 */
export type Phase = 'waiting' | 'starting' | 'webrtc' | 'restarting' | 'hls' | 'ended';

/**
 * signalled: connected as somebody new, and asked to join; recovered: connected again as the same; picture: a frame was decoded;
 * late: no picture or path in time; silent: no packets any more; flowing: packets again; moved: the server has thrown the path away;
 * changed: this machine is on another network; lost: the socket is gone.
 */
export type PlanEvent =
  | 'signalled'
  | 'recovered'
  | 'picture'
  | 'late'
  | 'silent'
  | 'flowing'
  | 'broken'
  | 'failed'
  | 'moved'
  | 'changed'
  | 'lost'
  | 'retry'
  | 'end';

/** What to do on entering the new phase. */
export type Step = 'receive' | 'restart-ice' | 'play-hls' | 'rejoin' | 'stop' | 'nothing';

export interface Situation {
  readonly choice: TransportChoice;
  readonly can: Capabilities;
  /** WebRTC has brought a picture in this session. */
  readonly isProven: boolean;
  /** How often it was tried again since. */
  readonly tries: number;
}

export interface Decision {
  readonly phase: Phase;
  readonly step: Step;
  /** In words for the viewer, where the picture comes another way than hoped. */
  readonly reason?: string;
}

/** How long WebRTC may take to its first picture, ms. */
export const FIRST_PICTURE = 5_000;
/** How long an ICE restart may take, ms. */
export const ICE_RESTART = 1_500;
/** How often WebRTC that has worked is tried again before HLS takes over. */
const INSIST = 2;

const stay = (phase: Phase): Decision => ({ phase, step: 'nothing' });
const restart = (): Decision => ({ phase: 'restarting', step: 'restart-ice', reason: 'the network changed' });
const rejoin = (reason: string): Decision => ({ phase: 'waiting', step: 'rejoin', reason });
const hls = (reason: string): Decision => ({ phase: 'hls', step: 'play-hls', reason });

type Row = Partial<Record<PlanEvent, (situation: Situation) => Decision>>;

/** The whole behaviour of the picture's way; an event that isn't in a row changes nothing. A socket that is gone ends no picture. */
const TABLE: Readonly<Record<Phase, Row>> = {
  waiting: {
    signalled: begin,
    flowing: ({ isProven }) => stay(isProven ? 'webrtc' : 'waiting'),
    changed: () => rejoin('the network changed'),
    moved,
  },
  starting: {
    signalled: begin,
    picture: () => stay('webrtc'),
    late: (situation) => fallBack(situation, 'WebRTC brought no picture within 5 seconds'),
    failed: (situation) => fallBack(situation, 'WebRTC could not connect'),
    moved,
    lost: () => stay('waiting'),
  },
  webrtc: {
    signalled: begin,
    silent: restart,
    broken: restart,
    failed: restart,
    changed: restart,
    moved,
  },
  restarting: {
    signalled: begin,
    recovered: restart,
    changed: restart,
    flowing: () => stay('webrtc'),
    late: () => rejoin('the connection was lost'),
    failed: () => rejoin('the connection was lost'),
    moved,
  },
  hls: {
    failed: () => rejoin('the HLS stream stopped'),
    retry: () => rejoin('trying WebRTC again'),
  },
  ended: {},
};

export function decide(phase: Phase, event: PlanEvent, situation: Situation): Decision {
  if (event === 'end' && phase !== 'ended') return { phase: 'ended', step: 'stop' };
  return TABLE[phase][event]?.(situation) ?? stay(phase);
}

function begin({ choice, can }: Situation): Decision {
  if (choice === 'hls') return can.hls ? hls('it was asked for') : impossible();
  if (!can.webrtc) return { phase: 'starting', step: 'receive' };
  return choice === 'auto' && can.hls ? hls(can.webrtc) : impossible();
}

function fallBack({ choice, can, isProven, tries }: Situation, reason: string): Decision {
  const insists = isProven && tries < INSIST;
  return choice === 'auto' && can.hls && !insists ? hls(reason) : rejoin(reason);
}

function moved(): Decision {
  return rejoin('the media server was replaced');
}

function impossible(): Decision {
  return { phase: 'ended', step: 'stop', reason: 'this browser can play neither WebRTC with H.264 nor HLS' };
}
