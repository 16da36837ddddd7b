import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Capabilities } from './capabilities.ts';
import { decide, type Phase, type PlanEvent, type Situation, type Step } from './plan.ts';

const able: Capabilities = { webrtc: undefined, hls: 'mse' };
const noWebRtc: Capabilities = { webrtc: 'this browser has no WebRTC', hls: 'mse' };
const noHls: Capabilities = { webrtc: undefined, hls: undefined };
const nothing: Capabilities = { webrtc: 'this browser has no WebRTC', hls: undefined };

const situation = (choice: Situation['choice'], can: Capabilities, more: Partial<Situation> = {}): Situation => ({
  choice,
  can,
  isProven: false,
  tries: 0,
  ...more,
});
const auto = (can: Capabilities, more: Partial<Situation> = {}): Situation => situation('auto', can, more);

const passing = [
  'signalled',
  'recovered',
  'picture',
  'late',
  'silent',
  'flowing',
  'broken',
  'failed',
  'moved',
  'changed',
  'lost',
] as const satisfies PlanEvent[];

type Case = [string, Phase, PlanEvent, Situation, Phase, Step];

describe('the way of the picture', () => {
  it.each<Case>([
    ['starts with WebRTC', 'waiting', 'signalled', auto(able), 'starting', 'receive'],
    ['takes HLS where there is no WebRTC', 'waiting', 'signalled', auto(noWebRtc), 'hls', 'play-hls'],
    ['takes HLS where it is asked for', 'waiting', 'signalled', situation('hls', able), 'hls', 'play-hls'],
    ['gives up where nothing can play', 'waiting', 'signalled', auto(nothing), 'ended', 'stop'],
    [
      'gives up where only WebRTC is wanted and there is none',
      'waiting',
      'signalled',
      situation('webrtc', noWebRtc),
      'ended',
      'stop',
    ],
    ['gives up where only HLS is wanted and there is none', 'waiting', 'signalled', situation('hls', noHls), 'ended', 'stop'],
    ['plays at the first picture', 'starting', 'picture', auto(able), 'webrtc', 'nothing'],
    ['falls back to HLS when no picture comes', 'starting', 'late', auto(able), 'hls', 'play-hls'],
    ['falls back to HLS at once when WebRTC fails', 'starting', 'failed', auto(able), 'hls', 'play-hls'],
    ['tries again where there is no HLS', 'starting', 'late', auto(noHls), 'waiting', 'rejoin'],
    ['tries again where only WebRTC is wanted', 'starting', 'late', situation('webrtc', able), 'waiting', 'rejoin'],
    ['restarts ICE when the path breaks', 'webrtc', 'broken', auto(able), 'restarting', 'restart-ice'],
    ['restarts ICE when the path fails', 'webrtc', 'failed', auto(able), 'restarting', 'restart-ice'],
    ['restarts ICE when no packets come', 'webrtc', 'silent', auto(able), 'restarting', 'restart-ice'],
    ['restarts ICE when the network changes', 'webrtc', 'changed', auto(able), 'restarting', 'restart-ice'],
    ['plays on when packets come again', 'restarting', 'flowing', auto(able), 'webrtc', 'nothing'],
    ['restarts ICE again over a socket that is back', 'restarting', 'recovered', auto(able), 'restarting', 'restart-ice'],
    ['begins anew over a socket that is new', 'restarting', 'signalled', auto(able), 'starting', 'receive'],
    ['rejoins when the path does not come back', 'restarting', 'late', auto(able), 'waiting', 'rejoin'],
    ['plays on when only the socket is gone', 'webrtc', 'lost', auto(able), 'webrtc', 'nothing'],
    ['plays on when the socket is back', 'webrtc', 'recovered', auto(able), 'webrtc', 'nothing'],
    ['begins anew when the server does not know it any more', 'webrtc', 'signalled', auto(able), 'starting', 'receive'],
    ['waits for the socket while there is no picture', 'starting', 'lost', auto(able), 'waiting', 'nothing'],
    [
      'plays on when packets come before it has joined again',
      'waiting',
      'flowing',
      auto(able, { isProven: true }),
      'webrtc',
      'nothing',
    ],
    ['joins again when the media server is replaced', 'webrtc', 'moved', auto(able), 'waiting', 'rejoin'],
    ['joins again when that happens while ICE restarts', 'restarting', 'moved', auto(able), 'waiting', 'rejoin'],
    ['joins again when that happens before a picture', 'starting', 'moved', auto(able), 'waiting', 'rejoin'],
    ['leaves HLS alone when the media server is replaced', 'hls', 'moved', auto(able), 'hls', 'nothing'],
    ['insists on WebRTC that has worked', 'starting', 'late', auto(able, { isProven: true, tries: 1 }), 'waiting', 'rejoin'],
    ['but not for ever', 'starting', 'late', auto(able, { isProven: true, tries: 2 }), 'hls', 'play-hls'],
    ['starts again with the socket', 'waiting', 'signalled', auto(able), 'starting', 'receive'],
    ['keeps HLS while the socket is gone', 'hls', 'lost', auto(able), 'hls', 'nothing'],
    ['keeps HLS when the socket is back', 'hls', 'signalled', auto(able), 'hls', 'nothing'],
    ['leaves HLS when it is asked to', 'hls', 'retry', auto(able), 'waiting', 'rejoin'],
    ['leaves HLS when it fails', 'hls', 'failed', auto(able), 'waiting', 'rejoin'],
  ])('%s', (_, phase, event, situation, nextPhase, step) => {
    expect(decide(phase, event, situation)).toMatchObject({ phase: nextPhase, step });
  });

  it('says why it is HLS', () => {
    expect(decide('waiting', 'signalled', auto(noWebRtc)).reason).toBe('this browser has no WebRTC');
    expect(decide('starting', 'late', auto(able)).reason).toBe('WebRTC brought no picture within 5 seconds');
    expect(decide('waiting', 'signalled', situation('hls', able)).reason).toBe('it was asked for');
  });

  it('never leaves the end, and reaches it from everywhere', () => {
    const events: PlanEvent[] = [...passing, 'retry', 'end'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events)), fc.array(fc.constantFrom(...events)), (before, after) => {
        const walk = (phase: Phase, path: PlanEvent[]) =>
          path.reduce((now, event) => decide(now, event, auto(able)).phase, phase);
        expect(walk(decide(walk('waiting', before), 'end', auto(able)).phase, after)).toBe('ended');
      }),
    );
  });

  it('never plays HLS where only WebRTC is wanted, nor WebRTC where only HLS is', () => {
    const events: PlanEvent[] = [...passing];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events)), (path) => {
        let webrtc: Phase = 'waiting';
        let hls: Phase = 'waiting';
        for (const event of path) {
          webrtc = decide(webrtc, event, situation('webrtc', able)).phase;
          hls = decide(hls, event, situation('hls', able)).phase;
          expect(webrtc).not.toBe('hls');
          expect(['waiting', 'hls']).toContain(hls);
        }
      }),
    );
  });
});
