import { randomInt } from 'node:crypto';
import type { types } from 'mediasoup';
import * as sdpTransform from 'sdp-transform';
import type { Offer, OfferedLine } from './sdp.ts';
import type { ConsumerOptions } from './viewer.ts';

/** Our end of the transport. */
export interface TransportEnd {
  readonly iceParameters: types.IceParameters;
  readonly iceCandidates: readonly types.IceCandidate[];
  readonly dtlsParameters: types.DtlsParameters;
}

type Line = sdpTransform.SessionDescription['media'][number];

/** The SDP answer (RFC 8829 §5.3): ICE lite with all candidates in it, DTLS passive, one bundle, no header extensions. Lines without a consumer are rejected. */
export function writeAnswer(offer: Offer, end: TransportEnd, consumers: readonly ConsumerOptions[]): string {
  const lines = offer.lines.map((line) => ({ line, consumer: line.codec && consumers.find(({ kind }) => kind === line.kind) }));
  const served = lines.flatMap(({ line, consumer }) => (consumer ? [line.mid] : []));
  return sdpTransform.write({
    version: 0,
    origin: { username: '-', sessionId: randomInt(1, 2 ** 47), sessionVersion: 1, netType: 'IN', ipVer: 4, address: '127.0.0.1' },
    name: '-',
    timing: { start: 0, stop: 0 },
    icelite: 'ice-lite',
    ...(offer.bundled ? { groups: [{ type: 'BUNDLE', mids: served.join(' ') }] } : {}),
    msidSemantic: { semantic: 'WMS', token: '*' },
    media: lines.map(({ line, consumer }) => (consumer ? servedLine(line, end, consumer) : rejectedLine(line))),
  });
}

/** The answer to an ICE restart, as `application/trickle-ice-sdpfrag` (RFC 9725 §4.3.3). */
export function writeFragment(offer: Offer, end: TransportEnd): string {
  const served = offer.lines.filter(({ codec }) => codec !== undefined);
  const first = served[0];
  const lines = [
    'a=ice-lite',
    ...(offer.bundled ? [`a=group:BUNDLE ${served.map(({ mid }) => mid).join(' ')}`] : []),
    ...(first ? [`m=${first.kind} 9 ${first.protocol} ${first.codec?.payloadType ?? 0}`, `a=mid:${first.mid}`] : []),
    `a=ice-ufrag:${end.iceParameters.usernameFragment}`,
    `a=ice-pwd:${end.iceParameters.password}`,
    ...end.iceCandidates.map((candidate) => `a=candidate:${candidateText(candidate)}`),
    'a=end-of-candidates',
  ];
  return `${lines.join('\r\n')}\r\n`;
}

function servedLine(line: OfferedLine, end: TransportEnd, { kind, rtpParameters }: ConsumerOptions): Line {
  const codec = rtpParameters.codecs[0];
  const payload = codec?.payloadType ?? 0;
  const ssrc = rtpParameters.encodings?.[0]?.ssrc ?? 0;
  const cname = rtpParameters.rtcp?.cname ?? 'stage';
  const config = line.codec?.parameters;
  return {
    type: line.kind,
    port: 9,
    protocol: line.protocol,
    payloads: String(payload),
    connection: { version: 4, ip: '0.0.0.0' },
    mid: line.mid,
    direction: 'sendonly',
    rtp: [kind === 'audio' ? { payload, codec: 'opus', rate: 48_000, encoding: 2 } : { payload, codec: 'H264', rate: 90_000 }],
    fmtp: config === undefined ? [] : [{ payload, config }],
    rtcpFb: (codec?.rtcpFeedback ?? []).map(({ type, parameter }) => ({
      payload,
      type,
      ...(parameter ? { subtype: parameter } : {}),
    })),
    rtcpMux: 'rtcp-mux',
    ...(line.reducedSizeRtcp ? { rtcpRsize: 'rtcp-rsize' } : {}),
    setup: 'passive',
    ...ice(end),
    // Sound and picture in one media stream, so that the peer keeps them in step.
    msid: [{ id: cname, appdata: kind }],
    ssrcs: [{ id: ssrc, attribute: 'cname', value: cname }],
  };
}

function ice({ iceParameters, iceCandidates, dtlsParameters }: TransportEnd): Partial<Line> {
  const fingerprint =
    dtlsParameters.fingerprints.find(({ algorithm }) => algorithm === 'sha-256') ?? dtlsParameters.fingerprints[0];
  return {
    iceUfrag: iceParameters.usernameFragment,
    icePwd: iceParameters.password,
    ...(fingerprint ? { fingerprint: { type: fingerprint.algorithm, hash: fingerprint.value } } : {}),
    candidates: iceCandidates.map(({ foundation, priority, address, protocol, port, type, tcpType }) => ({
      foundation,
      component: 1,
      transport: protocol,
      priority,
      ip: address,
      port,
      type,
      ...(tcpType ? { tcptype: tcpType } : {}),
    })),
    endOfCandidates: 'end-of-candidates',
  };
}

const candidateText = ({ foundation, priority, address, protocol, port, type, tcpType }: types.IceCandidate): string =>
  `${foundation} 1 ${protocol} ${priority} ${address} ${port} typ ${type}${tcpType ? ` tcptype ${tcpType}` : ''}`;

/** Port 0 rejects (RFC 3264 §6); the formats are the offer's, as there must be one. */
const rejectedLine = ({ kind, protocol, payloads, mid }: OfferedLine): Line => ({
  type: kind,
  port: 0,
  protocol,
  payloads,
  connection: { version: 4, ip: '0.0.0.0' },
  mid,
  direction: 'inactive',
  rtp: [],
  fmtp: [],
});
