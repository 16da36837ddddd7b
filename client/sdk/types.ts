import type { CreateSession, Role, Turn } from '#protocol/http.ts';
import type { AnswerOf, SegmentPublished, StateEvent, TurnEvent } from '#protocol/signalling.ts';
import type { ShownCaption } from './captions.ts';
import type { ClientError } from './errors.ts';
import type { MicrophoneState } from './microphone.ts';
import type { TransportChoice } from './plan.ts';
import type { SightState } from './sight.ts';
import type { SoundState } from './sound.ts';
import type { Stats } from './stats.ts';

/** What `connect` takes; everything is optional. With `session` and `token` it joins that session, without it creates one from the rest. */
export interface ConnectOptions extends CreateSession {
  readonly session?: string;
  /** The session's token; when creating where creating isn't free, one of role `server`. */
  readonly token?: string;
  /** Where the server is; default: where the page came from. */
  readonly url?: string | URL;
  /** Default `auto`: WebRTC, and HLS by itself where WebRTC can't. */
  readonly transport?: TransportChoice;
}

/** connecting: no picture yet; live; reconnecting: there was one, and it will be back by itself; ended: for good. */
export interface Connection {
  readonly status: 'connecting' | 'live' | 'reconnecting' | 'ended';
  readonly transport: 'webrtc' | 'hls' | undefined;
  /** Why it is so, in words, where that isn't what was hoped. */
  readonly reason: string | undefined;
}

/** The session this client is in. */
export interface JoinedSession {
  readonly id: string;
  readonly token: string;
  /** Known once joined. */
  readonly role: Role | undefined;
  readonly avatar: AnswerOf<'join'>['avatar'] | undefined;
  /** The picture's size, px; known once joined. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
}

/** Everything there is to show, as one immutable value that is replaced at each change. */
export interface Snapshot {
  readonly connection: Connection;
  readonly session: JoinedSession | undefined;
  readonly state: StateEvent | undefined;
  /** The clause being heard now, and how much of it has been. */
  readonly caption: ShownCaption | undefined;
  /** What the host has just said, as far as it is understood. */
  readonly hostCaption: ShownCaption | undefined;
  readonly sound: SoundState;
  /** The host's own. */
  readonly microphone: MicrophoneState;
  /** What the host lets the avatar see. */
  readonly sight: SightState;
  /** The last thing that went wrong and still matters. */
  readonly error: ClientError | undefined;
}

export type AvatarEvents = {
  /** Anything in the snapshot changed. */
  change: [Snapshot];
  session: [JoinedSession];
  connection: [Connection];
  state: [StateEvent];
  /** A word more of the avatar is heard (`heard` is the text up to it), or another clause; undefined after the last one. */
  caption: [ShownCaption | undefined];
  /** The same for what the host says; its words may change until it is `final`. */
  hostCaption: [ShownCaption | undefined];
  turn: [TurnEvent];
  sound: [SoundState];
  microphone: [MicrophoneState];
  sight: [SightState];
  segment: [SegmentPublished];
  /** Each 5 s while there is a picture. */
  stats: [Stats];
  error: [ClientError];
};

/** What a log shows of a turn: what was asked as soon as it is asked, the rest when it is over. */
export interface LoggedTurn extends Partial<Omit<TurnEvent, 'utteranceId'>> {
  readonly utteranceId: string;
  readonly prompt?: string;
  readonly mode?: Turn['mode'];
  /** When it was asked, and when the answer began to be heard, Unix ms. */
  readonly askedAt?: number;
  readonly startedAt?: number;
}
