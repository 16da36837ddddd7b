import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Capabilities } from './capabilities.ts';
import { decide, type Phase, type PlanEvent, type Situation, type Step } from './plan.ts';

const able: Capabilities = { webrtc: undefined, hls: 'mse' };
const noWebRtc: Capabilities = { webrtc: 'this browser has no WebRTC', hls: 'mse' };
const noHls: Capabilities = { webrtc: undefined, hls: undefined };
const nothing: Capabilities = { webrtc: 'this browser has no WebRTC', hls: undefined };

const auto = (can: Capabilities): Situation => ({ choice: 'auto', can });

type Case = [string, Phase, PlanEvent, Situation, Phase, Step];

describe('the way of the picture', () => {
  it.each<Case>([
    ['starts with WebRTC', 'waiting', 'signalled', auto(able), 'starting', 'receive'],
    ['takes HLS where there is no WebRTC', 'waiting', 'signalled', auto(noWebRtc), 'hls', 'play-hls'],
    ['takes HLS where it is asked for', 'waiting', 'signalled', { choice: 'hls', can: able }, 'hls', 'play-hls'],
    ['gives up where nothing can play', 'waiting', 'signalled', auto(nothing), 'ended', 'stop'],
    [
      'gives up where only WebRTC is wanted and there is none',
      'waiting',
      'signalled',
      { choice: 'webrtc', can: noWebRtc },
      'ended',
      'stop',
    ],
    [
      'gives up where only HLS is wanted and there is none',
      'waiting',
      'signalled',
      { choice: 'hls', can: noHls },
      'ended',
      'stop',
    ],
    ['plays at the first picture', 'starting', 'picture', auto(able), 'webrtc', 'nothing'],
    ['falls back to HLS when no picture comes', 'starting', 'late', auto(able), 'hls', 'play-hls'],
    ['falls back to HLS at once when WebRTC fails', 'starting', 'failed', auto(able), 'hls', 'play-hls'],
    ['tries again where there is no HLS', 'starting', 'late', auto(noHls), 'waiting', 'rejoin'],
    ['tries again where only WebRTC is wanted', 'starting', 'late', { choice: 'webrtc', can: able }, 'waiting', 'rejoin'],
    ['restarts ICE when the path breaks', 'webrtc', 'broken', auto(able), 'restarting', 'restart-ice'],
    ['restarts ICE when the path fails', 'webrtc', 'failed', auto(able), 'restarting', 'restart-ice'],
    ['plays on when the path is back', 'restarting', 'path', auto(able), 'webrtc', 'nothing'],
    ['rejoins when the path does not come back', 'restarting', 'late', auto(able), 'waiting', 'rejoin'],
    ['waits for the socket', 'webrtc', 'lost', auto(able), 'waiting', 'nothing'],
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
    expect(decide('waiting', 'signalled', { choice: 'hls', can: able }).reason).toBe('it was asked for');
  });

  it('never leaves the end, and reaches it from everywhere', () => {
    const events: PlanEvent[] = ['signalled', 'picture', 'path', 'late', 'broken', 'failed', 'lost', 'retry', 'end'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events)), fc.array(fc.constantFrom(...events)), (before, after) => {
        const walk = (phase: Phase, path: PlanEvent[]) =>
          path.reduce((now, event) => decide(now, event, auto(able)).phase, phase);
        expect(walk(decide(walk('waiting', before), 'end', auto(able)).phase, after)).toBe('ended');
      }),
    );
  });

  it('never plays HLS where only WebRTC is wanted, nor WebRTC where only HLS is', () => {
    const events: PlanEvent[] = ['signalled', 'picture', 'path', 'late', 'broken', 'failed', 'lost'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events)), (path) => {
        let webrtc: Phase = 'waiting';
        let hls: Phase = 'waiting';
        for (const event of path) {
          webrtc = decide(webrtc, event, { choice: 'webrtc', can: able }).phase;
          hls = decide(hls, event, { choice: 'hls', can: able }).phase;
          expect(webrtc).not.toBe('hls');
          expect(['waiting', 'hls']).toContain(hls);
        }
      }),
    );
  });
});
