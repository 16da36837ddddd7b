import type { FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '#base/log.ts';
import { ErrorBody } from '#protocol/http.ts';
import type { Limits } from '#server/auth/limits.ts';
import type { Origins } from '#server/auth/origins.ts';
import type { Tokens } from '#server/auth/tokens.ts';
import type { Avatars } from '#server/avatars/avatars.ts';
import type { SessionRegistry } from '#server/sessions/registry.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';

/** How long clients may take, ms, so that nobody holds a connection by being slow. */
export interface Patience {
  /** From the connection, or the last answer's end, to the end of the headers. */
  readonly headers: number;
  /** To the end of the body. */
  readonly request: number;
  /** Without a byte in either direction while an answer waits to be read. */
  readonly silence: number;
}

export interface HttpOptions {
  readonly config: Origins & {
    /** Proxies whose X-Forwarded headers are believed. */
    readonly trustProxy: readonly string[];
    /** Open at once, per address. */
    readonly maxConnections: number;
  };
  /** How long clients may take; the usual when left out. */
  readonly patience?: Patience;
  readonly sessions: SessionRegistry;
  readonly tokens: Tokens;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Folder of the built page; may be missing. */
  readonly pageDir: string;
  readonly avatars: Pick<Avatars, 'list' | 'get' | 'incoming' | 'create' | 'replace' | 'remove'>;
  /** What is still missing before sessions can be served; empty = ready. */
  readonly ready: () => readonly string[];
}

export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, Log, ZodTypeProvider>;

/** The answers every call may give besides its own. */
export const FAILURES = { '4xx': ErrorBody, '5xx': ErrorBody } as const;

/** Largest body, bytes; also of a socket message. */
export const MAX_BODY = 64 * 1024;
