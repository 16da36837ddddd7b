import { z } from 'zod';
import { EngineGeometry, EngineSize } from './frame-link.ts';

/** What travels over the bus (docs/frame-link.md): leases, and who is there to take them. */
export const LEASE_VERSION = 1;
/** The queue of an engine's leases of kind `idle`: taken by who has nothing better to do, and drawn while no conversation needs the GPU. */
export const backgroundQueue = (engine: string): string => `${engine}:background`;

/** The body of a piece of work: a renderer slot held for one utterance. Its id and its trace id are the bus's own fields. */
export const Lease = z.object({
  v: z.literal(LEASE_VERSION),
  sessionId: z.string().max(64),
  utteranceId: z.string().max(64),
  kind: z
    .enum(['speech', 'idle'])
    .describe('idle: an idle loop or a greeting is made in the background, nobody waits for it; in a queue of its own'),
  url: z.url({ protocol: /^wss?$/ }).describe('the frame link to dial'),
  token: z.string().max(2_000).describe('goes with it as `Authorization: Bearer …`; names this lease, and ends with it'),
  expiresAt: z.number().int().describe('Unix ms after which nobody waits for it any more'),
});
export type Lease = z.infer<typeof Lease>;

/** What a worker says of itself, each second. */
export const WorkerPresence = z.object({
  v: z.literal(LEASE_VERSION),
  engine: z.string().min(1).max(64),
  geometry: EngineGeometry,
  sizes: z.array(EngineSize).min(1).max(32).describe('largest first'),
  state: z.enum(['loading', 'ready', 'draining']).describe('ready once it is warm; draining: it takes nothing more'),
  progress: z.number().min(0).max(1).optional().describe('while loading'),
  leases: z.number().int().min(0).describe('of conversations, that it has now'),
  capacity: z.number().int().min(0).describe('that it would have at most, at its present pace'),
  freeInMs: z.number().min(0).describe('until it can take one more, as far as known; 0 = now'),
  leaseMs: z.number().min(0).describe('how long its last leases took, on average'),
});
export type WorkerPresence = z.infer<typeof WorkerPresence>;
