/** The client without a framework: `connect()` and the types of what it gives. */
import './no-eval.ts';

export { connect } from './connect.ts';
export type { ShownCaption } from './captions.ts';
export type { AvatarClient } from './client.ts';
export { ClientError, asClientError, type ClientErrorCode } from './errors.ts';
export type { Microphone, MicrophoneState } from './microphone.ts';
export type { MicrophoneDevice, MicrophoneProblem } from './capture.ts';
export type { Sight, SightProblem, SightState } from './sight.ts';
export type { SightSource } from './viewfinder.ts';
export type { TranscriptFormat } from './http.ts';
export type { Connection, ConnectOptions, JoinedSession, LoggedTurn, Snapshot } from './types.ts';
