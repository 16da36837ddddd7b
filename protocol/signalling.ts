import { z } from 'zod';
import { ImageFate, MAX_TEXT, PromptAccepted, PromptBody, Role, SessionState } from './http.ts';

/** The socket.io events. Every request is acknowledged with `{ok: …}` or `{error: {code, message}}`. Connect with `auth: {token}`. */

/** mediasoup's own structures: their shape is checked as far as we read them, the rest goes through to mediasoup, which checks it. */
const loose = <Shape extends z.ZodRawShape>(shape: Shape) => z.looseObject(shape);

export const RtpCapabilities = loose({
  codecs: z.array(loose({ mimeType: z.string().max(64), kind: z.enum(['audio', 'video']), clockRate: z.number().int() })).max(64),
  headerExtensions: z
    .array(loose({ uri: z.string().max(256) }))
    .max(64)
    .optional(),
});

export const DtlsParameters = loose({
  role: z.enum(['auto', 'client', 'server']).optional(),
  fingerprints: z
    .array(
      z.strictObject({
        algorithm: z.enum(['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512']),
        value: z.string().regex(/^([0-9A-Fa-f]{2}:)+[0-9A-Fa-f]{2}$/),
      }),
    )
    .min(1, 'at least one DTLS fingerprint is needed')
    .max(8),
});

export const RtpParameters = loose({
  codecs: z
    .array(loose({ mimeType: z.string().max(64), payloadType: z.number().int().min(0).max(127), clockRate: z.number().int() }))
    .min(1)
    .max(8),
  headerExtensions: z
    .array(loose({ uri: z.string().max(256), id: z.number().int().min(1).max(255) }))
    .max(32)
    .optional(),
  encodings: z
    .array(loose({ ssrc: z.number().int().min(1).max(0xffff_ffff).optional() }))
    .length(1, 'a microphone is one stream'),
});

const IceServer = z.object({ urls: z.array(z.string()), username: z.string().optional(), credential: z.string().optional() });

export const TransportOptions = z.object({
  id: z.string(),
  iceParameters: loose({}),
  iceCandidates: z.array(loose({})),
  dtlsParameters: loose({}),
  iceServers: z.array(IceServer),
});
export type TransportOptions = z.infer<typeof TransportOptions>;

const CaptionWord = z.object({
  text: z.string().describe('as it stands in the text, with its punctuation'),
  start: z.number().describe('stage frame, with fractions, with which it begins to be heard; show it then, and not before'),
  end: z.number().describe('and with which it has been'),
});

export const Caption = z
  .object({
    who: z.enum(['avatar', 'host']).optional().describe('who says it; the avatar when left out'),
    utteranceId: z.string().describe("of the host: the phrase's id"),
    clause: z.number().int().describe('counts within the utterance'),
    text: z.string(),
    start: z.number().int().describe('stage frame number of the first picture of the clause; show it then'),
    end: z.number().int().describe('of the one after its last, as far as known; of a clause that was cut, the one that was'),
    words: z
      .array(CaptionWord)
      .optional()
      .describe('in their order; the last ones may follow later, when more of the voice is made. Left out while none is known'),
    final: z.boolean().optional().describe('of the host: false while its words may still be understood otherwise'),
  })
  .describe('a caption with the utterance and the clause of one before takes its place');
export type Caption = z.infer<typeof Caption>;

export const StateEvent = z.object({
  state: SessionState,
  reason: z.string().optional(),
  etaMs: z.number().optional().describe('while buffering: ms until speech starts'),
  utteranceId: z.string().optional(),
});
export type StateEvent = z.infer<typeof StateEvent>;

/** What providers used for a turn; estimated where one doesn't say. Absent for what costs nothing. */
const Usage = z.object({
  inputTokens: z.number().optional().describe('tokens the model was given'),
  outputTokens: z.number().optional().describe('tokens it gave'),
  characters: z.number().optional().describe('characters the voice was given'),
  seconds: z.number().optional().describe('seconds of sound the recogniser was given'),
  usd: z.number().optional().describe('what that costs, where prices are configured'),
});

export const TurnEvent = z.object({
  utteranceId: z.string(),
  outcome: z.enum(['done', 'interrupted', 'failed']),
  spoken: z.string().describe('what was really spoken'),
  image: ImageFate.optional(),
  traceId: z.string().optional().describe('the one in the answer to its prompt, and in each line logged of it'),
  stages: z
    .record(z.string(), z.number())
    .describe(
      'ms to each stage that was reached, from the prompt or, for a turn that was spoken, from its last voiced frame: endOfTurn and stt (spoken turns only: it is clear that it is over; its words are known), prompt, firstToken, firstClause, firstAudio, firstWindow, firstFrame, playout, firstPacket, painted, end',
    ),
  painted: z
    .object({ viewers: z.number().int(), lastMs: z.number() })
    .optional()
    .describe(
      'viewers that said when the first spoken picture was on their screen, and ms from the beginning of `stages` to the last of them',
    ),
  usage: Usage.optional(),
});
export type TurnEvent = z.infer<typeof TurnEvent>;

export const SegmentPublished = z.object({ sequence: z.number().int(), durationMs: z.number(), uri: z.string() });
export type SegmentPublished = z.infer<typeof SegmentPublished>;

export const ErrorEvent = z.object({ code: z.string(), message: z.string() });
export type ErrorEvent = z.infer<typeof ErrorEvent>;

export const Rejoin = z.object({
  reason: z.string(),
  withinMs: z.number().describe('wait a random part of this many ms first, so that not all come at once'),
});
export type Rejoin = z.infer<typeof Rejoin>;

export const MicrophoneClosed = z.object({
  transportId: z.string(),
  reason: z
    .enum(['taken_over', 'lost'])
    .describe(
      'taken_over: the same host turned one on elsewhere, leave it there; lost: its path or its worker is gone, open another',
    ),
  message: z.string(),
});
export type MicrophoneClosed = z.infer<typeof MicrophoneClosed>;

export const Look = z.object({
  withinMs: z.number().describe('an image that comes later than this is not waited for'),
});
export type Look = z.infer<typeof Look>;

/** What a WebRTC viewer measured over some seconds; it is a vote on how far the voice leads its picture. */
const SyncReport = z.strictObject({
  offsetMs: z
    .number()
    .min(-1_000)
    .max(1_000)
    .describe(
      'the packet of an instant is heard so much after the picture of the same timestamp is seen, output latency included; negative: before',
    ),
  samples: z.number().int().min(1).max(1_000).describe('pictures it was measured over'),
});

/** The first picture of an utterance is painted at this viewer. */
const PaintedReport = z.strictObject({
  utteranceId: z.string().max(64),
  agoMs: z.number().min(-100).max(10_000).describe('how long ago it was painted when this arrives'),
});
export type PaintedReport = z.infer<typeof PaintedReport>;

/** Client → server: request and answer of each event. */
export const REQUESTS = {
  join: {
    request: z.strictObject({
      rtpCapabilities: RtpCapabilities.optional(),
      receive: z
        .boolean()
        .default(true)
        .describe(
          'false: no media over WebRTC, so no transport is made and this client is no WebRTC viewer (it watches by HLS, or not at all)',
        ),
    }),
    answer: z.object({
      sessionId: z.string(),
      role: Role,
      rtpCapabilities: loose({}),
      transport: TransportOptions.optional().describe('left out when the request says receive: false'),
      stage: z.object({ fps: z.number(), width: z.number(), height: z.number(), epochMs: z.number() }),
      state: StateEvent,
      avatar: z.object({ id: z.string(), name: z.string() }),
      sees: z.boolean().describe('its model takes images: `show`, and `image` with a prompt'),
    }),
  },
  connect_transport: {
    request: z.strictObject({ transportId: z.string().max(64), dtlsParameters: DtlsParameters }),
    answer: z.object({}),
  },
  consume: {
    request: z.strictObject({ transportId: z.string().max(64), rtpCapabilities: RtpCapabilities }),
    answer: z.object({
      consumers: z.array(
        z.object({ id: z.string(), producerId: z.string(), kind: z.enum(['audio', 'video']), rtpParameters: loose({}) }),
      ),
    }),
  },
  resume: { request: z.strictObject({ consumerIds: z.array(z.string().max(64)).max(8) }), answer: z.object({}) },
  restart_ice: { request: z.strictObject({ transportId: z.string().max(64) }), answer: z.object({ iceParameters: loose({}) }) },
  open_microphone: { request: z.strictObject({}), answer: z.object({ transport: TransportOptions }) },
  produce: {
    request: z.strictObject({ transportId: z.string().max(64), rtpParameters: RtpParameters }),
    answer: z.object({ producerId: z.string() }),
  },
  show: {
    request: z.strictObject({
      on: z.boolean().describe('whether this client has a camera or a screen to show, and answers `look` with an image of it'),
    }),
    answer: z.object({}),
  },
  prompt: { request: PromptBody, answer: PromptAccepted },
  control: { request: z.strictObject({ action: z.enum(['interrupt', 'mute', 'end']) }), answer: z.object({}) },
  client_log: {
    request: z.strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']),
      message: z.string().max(MAX_TEXT),
      data: z.record(z.string(), z.union([z.string().max(2_000), z.number(), z.boolean(), z.null()])).optional(),
    }),
    answer: z.object({}),
  },
  client_stats: {
    request: z.strictObject({
      stats: z.record(z.string().max(64), z.number()),
      sync: SyncReport.optional(),
      painted: PaintedReport.optional(),
    }),
    answer: z.object({}),
  },
} as const satisfies Record<string, { request: z.ZodType; answer: z.ZodType }>;

export type RequestName = keyof typeof REQUESTS;
export type RequestOf<Name extends RequestName> = z.infer<(typeof REQUESTS)[Name]['request']>;
export type RequestInput<Name extends RequestName> = z.input<(typeof REQUESTS)[Name]['request']>;
export type AnswerOf<Name extends RequestName> = z.infer<(typeof REQUESTS)[Name]['answer']>;
export type Ack<Answer> = { ok: Answer } | { error: ErrorEvent };

/** Server → client. */
export const EVENTS = {
  state: StateEvent,
  caption: Caption,
  turn: TurnEvent,
  segment_published: SegmentPublished,
  rejoin: Rejoin.describe('the media over WebRTC is gone for good; send join again on this connection, and it comes anew'),
  microphone_closed: MicrophoneClosed.describe('this client did not close it'),
  look: Look.describe(
    'a turn that is spoken wants to see what this client shows: post one image of now to the session; only for who said `show`',
  ),
  error: ErrorEvent,
} as const satisfies Record<string, z.ZodType>;

export type EventName = keyof typeof EVENTS;
export type EventOf<Name extends EventName> = z.infer<(typeof EVENTS)[Name]>;
