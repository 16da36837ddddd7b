import type { AnswerOf, TransportOptions } from '#protocol/signalling.ts';

/** What a router of ours offers, a transport where nobody listens, and consumers that never get a packet. */

const feedback = [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'ccm', parameter: 'fir' }];
const h264 = {
  mimeType: 'video/H264',
  clockRate: 90_000,
  parameters: { 'packetization-mode': 1, 'profile-level-id': '42e01f', 'level-asymmetry-allowed': 1 },
  rtcpFeedback: feedback,
};
const opus = { mimeType: 'audio/opus', clockRate: 48_000, channels: 2, parameters: {}, rtcpFeedback: [] };

export const routerCapabilities = {
  codecs: [
    { ...opus, kind: 'audio', preferredPayloadType: 111 },
    { ...h264, kind: 'video', preferredPayloadType: 102 },
  ],
  headerExtensions: [],
};

export const deafTransport: TransportOptions = {
  id: 'deaf-transport',
  iceParameters: { usernameFragment: 'deaf1234', password: 'deaf1234deaf1234deaf1234', iceLite: true },
  iceCandidates: [
    {
      foundation: 'udpcandidate',
      priority: 1_076_558_079,
      ip: '127.0.0.1',
      address: '127.0.0.1',
      protocol: 'udp',
      port: 9,
      type: 'host',
    },
  ],
  dtlsParameters: { role: 'auto', fingerprints: [{ algorithm: 'sha-256', value: Array<string>(32).fill('AB').join(':') }] },
  iceServers: [],
};

const rtcp = { cname: 'mute', reducedSize: true, mux: true };

export const neverSent: AnswerOf<'consume'>['consumers'] = [
  {
    id: 'audio-consumer',
    producerId: 'audio',
    kind: 'audio',
    rtpParameters: {
      mid: '0',
      codecs: [{ ...opus, payloadType: 111 }],
      headerExtensions: [],
      encodings: [{ ssrc: 1_111 }],
      rtcp,
    },
  },
  {
    id: 'video-consumer',
    producerId: 'video',
    kind: 'video',
    rtpParameters: {
      mid: '1',
      codecs: [{ ...h264, payloadType: 102 }],
      headerExtensions: [],
      encodings: [{ ssrc: 2_222 }],
      rtcp,
    },
  },
];
