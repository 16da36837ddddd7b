import { z } from 'zod';

/**
 * The frame link (docs/frame-link.md): one WebSocket per lease, dialled by the worker. Every message is binary: the length of its header as a
 * 32-bit big-endian number, the header as JSON in UTF-8, and a payload whose meaning the header's `type` gives. Unknown members are ignored.
 */
export const FRAME_LINK_VERSION = 1;
/** The WebSocket subprotocol; its number is the version. */
export const FRAME_LINK_PROTOCOL = `frame-link.v${String(FRAME_LINK_VERSION)}` as const;
export const FRAME_LINK_PATH = '/v1/frame-link';
/** The longest message, payload included, bytes. */
export const MAX_MESSAGE = 16 * 1024 * 1024;
/** The longest header, bytes. */
export const MAX_HEADER = 16 * 1024;

const count = z.number().int().min(0).max(10_000_000);
const ms = z.number().min(0).max(86_400_000);
const side = z.number().int().min(16).max(4_096).multipleOf(2);
const words = z.string().max(2_000);

export const PictureSize = z.object({ width: side, height: side });
export type PictureSize = z.infer<typeof PictureSize>;

/** I420 (BT.601, limited range), or the same samples, range unchanged, as 4:2:0 JPEG or as H.264 (Annex B, no B-frames). */
export const PictureFormat = z.enum(['i420', 'jpeg', 'h264']);
export type PictureFormat = z.infer<typeof PictureFormat>;

export const EngineGeometry = z.object({
  freshFrames: z.number().int().min(1).max(1_000).describe('what a clip adds, at 25 frames per second'),
  overlapFrames: z.number().int().min(0).max(250).describe('what it carries over from before'),
  lookAheadFrames: z.number().int().min(0).max(250).describe('how much sound it hears past its last frame'),
});
export type EngineGeometry = z.infer<typeof EngineGeometry>;

export const EngineSize = z.object({
  ...PictureSize.shape,
  clipMs: ms.describe('a clip of that size, from its window to its last frame, as last measured'),
});

/** Lengths of the pictures in the payload, in order, bytes. */
const sizes = z.array(count).min(1).max(256);
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const generation = count.describe(
  'grows with each `begin` of a lease, over all its workers; what carries an old one is thrown away',
);
const window = count.describe("the window's index");

/** Worker → server. */
export const TO_SERVER = {
  hello: z.object({
    type: z.literal('hello'),
    v: z.literal(FRAME_LINK_VERSION),
    worker: z.string().min(1).max(128),
    engine: z.string().min(1).max(64),
    geometry: EngineGeometry,
    sizes: z.array(EngineSize).min(1).max(32).describe('largest first'),
  }),
  need_reference: z
    .object({ type: z.literal('need_reference'), hash })
    .describe('the answer to a `begin` whose reference picture it does not have'),
  progress: z
    .object({
      type: z.literal('progress'),
      generation,
      window,
      done: z.number().min(0).max(1),
      etaMs: ms.optional().describe('until its last frame'),
    })
    .describe('with each denoising step, and while the window waits for its turn each second'),
  frames: z
    .object({
      type: z.literal('frames'),
      generation,
      window,
      firstFrame: count.describe('number within the utterance of the first picture; the others follow it'),
      format: PictureFormat,
      ...PictureSize.shape,
      sizes,
    })
    .describe('payload: the pictures, one after the other. Only frames that the window named as fresh, ascending, each once'),
  clip_done: z
    .object({
      type: z.literal('clip_done'),
      generation,
      window,
      clipMs: ms.describe('what it took, decoding and copying included, without what it waited for its turn'),
      waitedMs: ms.describe('from its arrival until it was begun'),
    })
    .describe('after the last `frames` of a window; the next one may be sent'),
  cancelled: z.object({ type: z.literal('cancelled'), generation }).describe('nothing of that generation will follow'),
  error: z
    .object({
      type: z.literal('error'),
      code: z.enum(['bad_message', 'bad_reference', 'unsupported', 'out_of_memory', 'engine_failed']),
      message: words,
      generation: generation.optional(),
      window: window.optional(),
    })
    .describe('the worker can not go on with this lease; it closes the link'),
  bye: z
    .object({ type: z.literal('bye'), reason: words })
    .describe('the worker is leaving, between two windows; it hands the lease back'),
} as const satisfies Record<string, z.ZodType>;

/** Server → worker. */
export const TO_WORKER = {
  begin: z
    .object({
      type: z.literal('begin'),
      generation,
      traceId: z.string().max(64),
      avatar: z.object({ id: z.string().max(64), prompt: words, reference: hash.describe('SHA-256 of the reference picture') }),
      ...PictureSize.shape,
      formats: z.array(PictureFormat).min(1).describe('that the server takes; the worker chooses, message by message'),
    })
    .describe('forget the motion, and draw in this size from now on; `motion` and `window` follow'),
  reference: z
    .object({ type: z.literal('reference'), hash, mime: z.enum(['image/png', 'image/jpeg']) })
    .describe('payload: the reference picture, as a file'),
  motion: z
    .object({ type: z.literal('motion'), generation, format: z.enum(['i420', 'jpeg']), ...PictureSize.shape, sizes })
    .describe(
      'payload: exactly `overlapFrames` pictures, the last one being on air just before the first frame of the next window',
    ),
  window: z
    .object({
      type: z.literal('window'),
      generation,
      window,
      startFrame: count.describe('number within the utterance of the first fresh frame'),
      overlapFrames: count,
      freshFrames: count.describe(
        'frames to be sent: fewer than the engine draws where a clause ends. The next window goes on from the last of these',
      ),
      lookAheadFrames: count,
      endOfClause: z.boolean(),
      last: z.boolean().optional().describe('no window follows, where that is known already'),
      deadlineMs: ms.optional().describe('from now until the stage would run dry; left out when nothing waits for it'),
    })
    .describe(
      'payload: mono s16le at 16 kHz, 640 samples per frame, for overlap, fresh and look-ahead frames. At most one window of a link is unfinished',
    ),
  cancel: z
    .object({ type: z.literal('cancel'), generation })
    .describe('drop that generation, within one denoising step; answered with `cancelled`'),
  bye: z
    .object({ type: z.literal('bye'), reason: words })
    .describe('nothing more is wanted: the lease is done, and the worker closes the link'),
} as const satisfies Record<string, z.ZodType>;

export const ToServer = z.discriminatedUnion('type', [
  TO_SERVER.hello,
  TO_SERVER.need_reference,
  TO_SERVER.progress,
  TO_SERVER.frames,
  TO_SERVER.clip_done,
  TO_SERVER.cancelled,
  TO_SERVER.error,
  TO_SERVER.bye,
]);
export type ToServer = z.infer<typeof ToServer>;

export const ToWorker = z.discriminatedUnion('type', [
  TO_WORKER.begin,
  TO_WORKER.reference,
  TO_WORKER.motion,
  TO_WORKER.window,
  TO_WORKER.cancel,
  TO_WORKER.bye,
]);
export type ToWorker = z.infer<typeof ToWorker>;

/** How the server closes a link; the worker's own codes are those of RFC 6455. */
export const CLOSE = {
  /** Something that is no message of this version. The lease is handed back and counts as a try. */
  bad_message: 4400,
  /** Another worker has this lease now, or nobody wants it any more. Let go of it. */
  taken_over: 4409,
  /** The worker did not get on in time. Let go of it: the server has released it. */
  too_slow: 4408,
} as const;
