import { z } from 'zod';

/** Bodies of the HTTP interface. OpenAPI is generated from these. */
export const MAX_TEXT = 8_000;

export const Id = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/, 'must be 8–64 letters, digits, "-" or "_"');
export const Role = z.enum(['host', 'viewer']);
export type Role = z.infer<typeof Role>;

const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(max, `must have at most ${max} characters`)
    .refine((value) => value.isWellFormed(), 'must be well-formed Unicode');

const Language = z.string().regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'must be a BCP 47 tag such as "en" or "pt-BR"');

export const CreateSession = z
  .strictObject({
    avatar: z.string().min(1).max(64).optional(),
    voice: z.string().min(1).max(64).optional(),
    language: Language.optional(),
    systemPrompt: text(MAX_TEXT).optional(),
    greeting: text(1_000).optional(),
    hls: z.enum(['on-demand', 'always']).optional(),
  })
  .meta({ id: 'CreateSession' });
export type CreateSession = z.infer<typeof CreateSession>;

export const Urls = z
  .object({ page: z.string(), signalling: z.string(), whep: z.string(), hls: z.string() })
  .meta({ id: 'Urls' });
export type Urls = z.infer<typeof Urls>;

/** Only said when it is so. */
const NotStored = z
  .literal(false)
  .optional()
  .describe('false: taken, but not written to disk yet (it may be full); lost if the server stops before it can be');

export const CreatedSession = z
  .object({ id: Id, token: z.string(), urls: Urls, stored: NotStored })
  .meta({ id: 'CreatedSession' });
export type CreatedSession = z.infer<typeof CreatedSession>;

export const CreateToken = z.strictObject({ role: Role }).meta({ id: 'CreateToken' });
export const CreatedToken = z.object({ token: z.string(), urls: Urls }).meta({ id: 'CreatedToken' });

export const PromptBody = z
  .strictObject({
    text: text(MAX_TEXT),
    mode: z.enum(['chat', 'say']).default('chat'),
    utteranceId: Id.optional().describe(
      'chosen by the client, new for each prompt: sent again with the same one, after an answer that got lost, it is spoken once',
    ),
    image: Id.optional().describe('the `imageId` of one that was shown for it; for `chat` only'),
  })
  .refine(({ mode, image }) => mode === 'chat' || image === undefined, { path: ['image'], error: 'goes with mode "chat" only' })
  .meta({ id: 'Prompt' });
export type PromptBody = z.infer<typeof PromptBody>;
export const PromptAccepted = z
  .object({
    utteranceId: z.string(),
    traceId: z
      .string()
      .describe('of the turn: 32 hex digits, from `traceparent` where one was sent; in its `turn` event and in the log'),
    stored: NotStored,
  })
  .meta({ id: 'PromptAccepted' });
export type PromptAccepted = z.infer<typeof PromptAccepted>;

/** Of an image that goes to the model with a prompt: most bytes, and the sides it may have, px. */
export const IMAGE = { bytes: 256 * 1_024, least: 16, most: 1_280 } as const;

export const ImageShown = z
  .object({
    imageId: Id.describe('for one prompt, within 30 s; it is forgotten then, or when two others have come'),
    width: z.number().int(),
    height: z.number().int(),
  })
  .meta({ id: 'ImageShown' });
export type ImageShown = z.infer<typeof ImageShown>;

export const ImageFate = z
  .enum(['seen', 'missed', 'refused'])
  .describe(
    'of the image that was shown with it, which itself is kept nowhere. missed: it did not come in time; refused: the model did not take it; it was answered without it then',
  );
export type ImageFate = z.infer<typeof ImageFate>;

export const SessionState = z.enum(['idle', 'listening', 'thinking', 'buffering', 'speaking', 'degraded', 'closed']);
export type SessionState = z.infer<typeof SessionState>;

export const Turn = z
  .object({
    utteranceId: z.string(),
    mode: z.enum(['chat', 'say', 'greeting']),
    /** What was asked; absent for a greeting. */
    prompt: z.string().optional(),
    image: ImageFate.optional(),
    /** What was really spoken, up to the word that was cut, which is followed by an ellipsis. */
    spoken: z.string(),
    state: z.enum(['queued', 'thinking', 'speaking', 'done', 'interrupted', 'failed']),
    /** Why it ended early, where nobody asked for it. */
    reason: z.string().optional(),
    traceId: z.string().optional(),
    /** Unix ms. */
    askedAt: z.number(),
    startedAt: z.number().optional(),
    endedAt: z.number().optional(),
  })
  .meta({ id: 'Turn' });
export type Turn = z.infer<typeof Turn>;
export const Transcript = z.object({ turns: z.array(Turn) }).meta({ id: 'Transcript' });
export type Transcript = z.infer<typeof Transcript>;

export const StageStatus = z
  .object({
    fps: z.number(),
    size: z.object({ width: z.number(), height: z.number() }),
    /** Frame n was released at epochMs + n·1000/fps, Unix ms. */
    epochMs: z.number(),
    frame: z.number(),
    state: z.enum(['idle', 'speaking']),
  })
  .meta({ id: 'Stage' });
export type StageStatus = z.infer<typeof StageStatus>;

export const SessionInfo = z
  .object({
    id: Id,
    avatar: z.string(),
    state: SessionState,
    reason: z.string().optional(),
    createdAt: z.number(),
    viewers: z.object({ webrtc: z.number(), whep: z.number(), hls: z.number() }),
    /** The last turn's stages, ms, as its `turn` event tells them. */
    timings: z.record(z.string(), z.number()),
    sync: z.object({
      leadMs: z.number().describe('how long before its picture a sound leaves'),
      viewers: z.number().describe('WebRTC viewers that report what they hear and see'),
      offsetMs: z.number().optional().describe('sound minus picture at the middle one of them'),
      spreadMs: z.number().optional().describe('between the two furthest apart'),
    }),
  })
  .meta({ id: 'Session' });
export type SessionInfo = z.infer<typeof SessionInfo>;

/** drawn: comes with the server. image, clip: made from an upload. */
export const AvatarKind = z.enum(['drawn', 'image', 'clip']);
export type AvatarKind = z.infer<typeof AvatarKind>;
export const AvatarState = z.enum(['queued', 'building', 'ready', 'failed']);
export type AvatarState = z.infer<typeof AvatarState>;

export const AvatarInfo = z
  .object({
    id: z.string(),
    name: z.string(),
    renderer: z.string().describe('what shows it on this server; `none` when nothing here can'),
    voice: z.string().optional(),
    kind: AvatarKind,
    state: AvatarState.describe('sessions may have it while it is `ready`, also while a replacement is being built'),
  })
  .meta({ id: 'Avatar' });
export type AvatarInfo = z.infer<typeof AvatarInfo>;
export const Avatars = z.object({ avatars: z.array(AvatarInfo) }).meta({ id: 'Avatars' });

/** How far the making of an avatar is. */
const Building = {
  progress: z.number().min(0).max(1).optional().describe('while it is being built: about how much is done'),
  step: z.enum(['reading', 'idle', 'greeting']).optional().describe('while it is being built: what is being done'),
  reason: z.string().optional().describe('when it has failed: why, and what would help'),
};

export const AvatarDetails = AvatarInfo.extend({
  prompt: z.string().optional(),
  language: z.string().optional(),
  greeting: z.string().optional(),
  createdAt: z.number().optional().describe('Unix ms'),
  engines: z.array(z.string()).describe('what can show it: a renderer, or `clip`, which shows a clip as it is, without lips'),
  notice: z.string().optional().describe('what is less than it should be when it is shown here'),
  ...Building,
  replacement: z
    .object({ state: AvatarState.exclude(['ready']), ...Building })
    .optional()
    .describe('the one that takes its place once it is ready; the old one serves until then'),
}).meta({ id: 'AvatarDetails' });
export type AvatarDetails = z.infer<typeof AvatarDetails>;

/** The fields of an avatar, beside its picture. */
export const AvatarFields = z.strictObject({
  name: text(64),
  prompt: text(1_000).optional().describe('for engines that take one: who is seen, and how'),
  voice: z.string().min(1).max(64).optional().describe("the provider's voice id"),
  language: Language.optional().describe('of its sessions that name none; English when left out'),
  greeting: text(1_000).optional().describe('made ahead, and said at the start of each session that brings none of its own'),
});
export type AvatarFields = z.infer<typeof AvatarFields>;

const file = (what: string) => z.string().optional().meta({ format: 'binary', description: what });

/** multipart/form-data: the fields and exactly one of the two files. */
export const AvatarForm = AvatarFields.extend({
  image: file('a portrait: PNG, JPEG or WebP, at most 16 MB, sides of 256 to 8,192 px'),
  clip: file('somebody who listens: MP4 or WebM, at most 16 MB, 2 to 20 s, sides of 256 to 4,096 px'),
}).meta({ id: 'AvatarForm' });

export const ErrorBody = z
  .object({ error: z.object({ code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()).optional() }) })
  .meta({ id: 'Error' });
