import type { types } from 'mediasoup';

/** What every stage sends, and what a router for our own client speaks. Payload types and extension ids are fixed by us here. */
export const VIDEO_PAYLOAD_TYPE = 102;
export const AUDIO_PAYLOAD_TYPE = 111;
export const VIDEO_CLOCK_RATE = 90_000;
/** http://www.webrtc.org/experiments/rtp-hdrext/playout-delay; mediasoup forwards it under id 11. */
export const PLAYOUT_DELAY_URI = 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay';
export const PLAYOUT_DELAY_ID = 11;
/** RFC 6184 §8.1: constrained baseline, level 3.1, packetization mode 1. */
export const H264_PARAMETERS = { 'packetization-mode': 1, 'profile-level-id': '42e01f', 'level-asymmetry-allowed': 1 };
/** RFC 7587 §6.1. Our voice is mono; "opus/48000/2" is the only form WebRTC allows. */
export const OPUS_PARAMETERS = { useinbandfec: 1, 'sprop-stereo': 0, stereo: 0, minptime: 10 };

export const ROUTER_CODECS: types.RouterRtpCodecCapability[] = [
  {
    kind: 'audio',
    mimeType: 'audio/opus',
    clockRate: 48_000,
    channels: 2,
    preferredPayloadType: AUDIO_PAYLOAD_TYPE,
    parameters: OPUS_PARAMETERS,
  },
  {
    kind: 'video',
    mimeType: 'video/H264',
    clockRate: VIDEO_CLOCK_RATE,
    preferredPayloadType: VIDEO_PAYLOAD_TYPE,
    parameters: H264_PARAMETERS,
  },
];
