import type { types } from 'mediasoup';
import * as sdpTransform from 'sdp-transform';
import { z } from 'zod';
import { AvatarError } from '#base/errors.ts';

/** One codec of the offer, as the peer numbers and describes it. */
export interface OfferedCodec {
  readonly payloadType: number;
  /** Format parameters, verbatim (`a=fmtp`). */
  readonly parameters: string | undefined;
  /** RTCP feedback the peer sends for it. */
  readonly feedback: readonly types.RtcpFeedback[];
}

/** One m-line of the offer; without `codec` it is not served. */
export interface OfferedLine {
  readonly kind: string;
  readonly protocol: string;
  readonly payloads: string;
  readonly mid: string;
  readonly reducedSizeRtcp: boolean;
  readonly codec: OfferedCodec | undefined;
}

/** What WHEP needs of an SDP offer (RFC 8866, RFC 8829). `audio` and `video` are the codecs of the lines that are served. */
export interface Offer {
  readonly lines: readonly OfferedLine[];
  readonly audio: OfferedCodec | undefined;
  readonly video: OfferedCodec | undefined;
  readonly bundled: boolean;
  readonly iceUfrag: string;
  readonly fingerprint: types.DtlsFingerprint;
}

const MAX_CHARACTERS = 64_000;
const MAX_LINES = 32;
const AVP = /^UDP\/TLS\/RTP\/SAVPF?$/;

// sdp-transform gives numbers for whatever looks like one.
const text = z.union([z.string(), z.number()]).transform(String);
const shared = {
  iceUfrag: text.optional(),
  setup: text.optional(),
  fingerprint: z.object({ type: text, hash: text }).optional(),
  direction: z.enum(['sendrecv', 'recvonly', 'sendonly', 'inactive']).optional(),
};
const Media = z.object({
  ...shared,
  type: text,
  port: z.number(),
  protocol: text,
  payloads: text,
  mid: text,
  bundleOnly: z.unknown().optional(),
  rtcpMux: z.unknown().optional(),
  rtcpRsize: z.unknown().optional(),
  rtp: z.array(z.object({ payload: z.number(), codec: text, rate: z.number().optional(), encoding: text.optional() })),
  fmtp: z.array(z.object({ payload: z.number(), config: text })),
  rtcpFb: z.array(z.object({ payload: text, type: text, subtype: text.optional() })).default([]),
});
type Media = z.infer<typeof Media>;
const Session = z.object({
  ...shared,
  version: z.literal(0),
  groups: z.array(z.object({ type: text, mids: text })).default([]),
  media: z.array(Media).min(1).max(MAX_LINES),
});

const Fingerprint = z.object({
  algorithm: z.enum(['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512']),
  value: z.string().regex(/^[0-9A-F]{2}(:[0-9A-F]{2}){19,63}$/),
});

/** @throws AvatarError `invalid_sdp` with what was expected. */
export function readOffer(sdp: string): Offer {
  const session = parse(sdp);
  const bundle = new Set(session.groups.find(({ type }) => type === 'BUNDLE')?.mids.split(' ') ?? []);
  const lines = readLines(session.media, bundle);
  const served = session.media.filter((_, index) => lines[index]?.codec !== undefined);
  const first = served[0];
  if (!first) {
    throw invalid(
      'needs an m=audio line that receives Opus (opus/48000/2) or an m=video line that receives H264 (packetization-mode=1)',
    );
  }
  if (served.some(({ rtcpMux }) => rtcpMux === undefined)) throw invalid('needs a=rtcp-mux on each m-line');
  const codecOf = (kind: string): OfferedCodec | undefined => lines.find((line) => line.kind === kind && line.codec)?.codec;
  const [audio, video] = [codecOf('audio'), codecOf('video')];
  if (audio && audio.payloadType === video?.payloadType) throw invalid('must not give one payload type to two codecs');
  return { lines, audio, video, bundled: bundle.size > 0, ...readTransport(first, session) };
}

/** ICE credentials of a `application/trickle-ice-sdpfrag` (RFC 8840 §9). @throws AvatarError `invalid_sdp`. */
export function readFragmentUfrag(fragment: string): string {
  const parsed = sdpTransform.parse(fragment.slice(0, MAX_CHARACTERS));
  const ufrag = [parsed, ...parsed.media].map(({ iceUfrag }) => iceUfrag).find((value) => value !== undefined);
  if (ufrag === undefined) throw invalid('fragment needs a=ice-ufrag and a=ice-pwd');
  return text.parse(ufrag);
}

const invalid = (expectation: string, cause?: unknown): AvatarError =>
  new AvatarError('invalid_sdp', `The SDP ${expectation}.`, { cause });

function parse(sdp: string): z.infer<typeof Session> {
  if (sdp.length > MAX_CHARACTERS) throw invalid(`must have at most ${MAX_CHARACTERS} characters`);
  if (!/^v=0\r?\n/.test(sdp)) throw invalid('must be an offer that starts with v=0');
  const parsed = Session.safeParse(sdpTransform.parse(sdp));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalid(`offer is malformed at ${issue?.path.join('.') || 'its start'}: ${issue?.message ?? 'unknown'}`, parsed.error);
}

/** The first line of each kind that can be served gets its codec. Only what is bundled with the first can share its transport. */
function readLines(media: readonly Media[], bundle: ReadonlySet<string>): OfferedLine[] {
  const served: Media[] = [];
  return media.map((line) => {
    const joins = served.length === 0 || (bundle.has(line.mid) && served.every(({ mid }) => bundle.has(mid)));
    const codec = joins && !served.some(({ type }) => type === line.type) && receives(line) ? chooseCodec(line) : undefined;
    if (codec) served.push(line);
    const { type: kind, protocol, payloads, mid } = line;
    return { kind, protocol, payloads, mid, reducedSizeRtcp: line.rtcpRsize !== undefined, codec };
  });
}

const receives = ({ port, bundleOnly, protocol, direction }: Media): boolean =>
  (port !== 0 || bundleOnly !== undefined) && AVP.test(protocol) && direction !== 'sendonly' && direction !== 'inactive';

function chooseCodec(line: Media): OfferedCodec | undefined {
  const offered = line.payloads.split(' ');
  const candidates = line.rtp
    .filter(({ payload }) => isPayloadType(payload) && offered.includes(String(payload)))
    .map(({ payload, codec, rate, encoding }) => ({
      name: [codec.toLowerCase(), rate, encoding].filter((part) => part !== undefined).join('/'),
      payloadType: payload,
      parameters: line.fmtp.find((fmtp) => fmtp.payload === payload)?.config,
      feedback: feedbackFor(line, payload),
    }));
  if (line.type === 'audio') return candidates.find(({ name }) => name === 'opus/48000/2');
  if (line.type !== 'video') return undefined;
  return candidates
    .filter(({ name, parameters }) => name === 'h264/90000' && /(^|;)\s*packetization-mode=1\s*(;|$)/i.test(parameters ?? ''))
    .sort((a, b) => profileRank(a.parameters) - profileRank(b.parameters))[0];
}

/** With rtcp-mux 64–95 would be taken for RTCP (RFC 5761 §4). */
const isPayloadType = (number: number): boolean => number <= 63 || (number >= 96 && number <= 127);

/**
 * Constrained baseline (RFC 6184 §8.1) is what we send. It is a subset of baseline, main and high, whose decoders take it too,
 * so those are a second choice rather than none.
 */
function profileRank(parameters = ''): number {
  const profile = /profile-level-id=([0-9a-f]{4})/i.exec(parameters)?.[1]?.toLowerCase();
  if (profile === '42e0' || profile === '42c0') return 0;
  if (profile?.startsWith('42')) return 1;
  return 2;
}

const feedbackFor = ({ rtcpFb }: Media, payloadType: number): types.RtcpFeedback[] =>
  rtcpFb
    .filter(({ payload }) => payload === '*' || payload === String(payloadType))
    .map(({ type, subtype }) => (subtype === undefined ? { type } : { type, parameter: subtype }));

function readTransport(first: Media, session: z.infer<typeof Session>): Pick<Offer, 'iceUfrag' | 'fingerprint'> {
  const setup = first.setup ?? session.setup;
  if (setup !== 'actpass' && setup !== 'active') throw invalid('needs a=setup:actpass (or active)');
  const iceUfrag = first.iceUfrag ?? session.iceUfrag;
  if (iceUfrag === undefined) throw invalid('needs a=ice-ufrag and a=ice-pwd');
  const { type, hash } = first.fingerprint ?? session.fingerprint ?? {};
  const fingerprint = Fingerprint.safeParse({ algorithm: type?.toLowerCase(), value: hash?.toUpperCase() });
  if (!fingerprint.success) throw invalid('needs a=fingerprint, such as "sha-256 0A:1B:…"', fingerprint.error);
  return { iceUfrag, fingerprint: fingerprint.data };
}
