import { describe, expect, it } from 'vitest';
import { capabilities, type Browser } from './capabilities.ts';

const chromium: Browser = {
  RTCPeerConnection: Object,
  RTCRtpReceiver: { getCapabilities: () => ({ codecs: [{ mimeType: 'video/VP8' }, { mimeType: 'video/H264' }] }) },
  MediaSource: Object,
  ManagedMediaSource: undefined,
  navigator: { vendor: 'Google Inc.' },
  canPlayType: () => 'maybe',
};

describe('what a browser can play', () => {
  it('is both in Chromium, with hls.js', () => {
    expect(capabilities(chromium)).toEqual({ webrtc: undefined, hls: 'mse' });
  });

  it("is Apple's own player in Safari", () => {
    expect(capabilities({ ...chromium, navigator: { vendor: 'Apple Computer, Inc.' } }).hls).toBe('native');
  });

  it('is hls.js in Firefox, which plays no playlists', () => {
    expect(capabilities({ ...chromium, navigator: { vendor: '' }, canPlayType: () => '' }).hls).toBe('mse');
  });

  it('names what is missing', () => {
    expect(capabilities({ ...chromium, RTCPeerConnection: undefined }).webrtc).toBe('this browser has no WebRTC');
    const codecs = [{ mimeType: 'video/VP8' }];
    expect(capabilities({ ...chromium, RTCRtpReceiver: { getCapabilities: () => ({ codecs }) } }).webrtc).toBe(
      'this browser has no H.264 over WebRTC',
    );
    expect(capabilities({ ...chromium, MediaSource: undefined, canPlayType: () => '' }).hls).toBeUndefined();
  });

  it('leaves browsers that do not tell their codecs to try', () => {
    expect(capabilities({ ...chromium, RTCRtpReceiver: {} }).webrtc).toBeUndefined();
  });
});
