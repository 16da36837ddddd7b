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

export const CreateSession = z
  .strictObject({
    avatar: z.string().min(1).max(64).optional(),
    voice: z.string().min(1).max(64).optional(),
    language: z
      .string()
      .regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'must be a BCP 47 tag such as "en" or "pt-BR"')
      .optional(),
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
  })
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

export const SessionState = z.enum(['idle', 'listening', 'thinking', 'buffering', 'speaking', 'degraded', 'closed']);
export type SessionState = z.infer<typeof SessionState>;

export const Turn = z
  .object({
    utteranceId: z.string(),
    mode: z.enum(['chat', 'say', 'greeting']),
    /** What was asked; absent for a greeting. */
    prompt: z.string().optional(),
    /** What was really spoken, up to the clause that was cut. */
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
    /** The last turn's stages, ms from the prompt. */
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

export const AvatarInfo = z
  .object({ id: z.string(), name: z.string(), renderer: z.string(), voice: z.string().optional() })
  .meta({ id: 'Avatar' });
export type AvatarInfo = z.infer<typeof AvatarInfo>;
export const Avatars = z.object({ avatars: z.array(AvatarInfo) }).meta({ id: 'Avatars' });

export const ErrorBody = z
  .object({ error: z.object({ code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()).optional() }) })
  .meta({ id: 'Error' });
