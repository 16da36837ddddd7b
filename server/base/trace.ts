import { randomBytes } from 'node:crypto';

/** W3C Trace Context, version 00: trace id, parent id, flags. Later versions begin the same way. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-|$)/;

export const newTraceId = (): string => randomBytes(16).toString('hex');

/** The trace a caller is in, or undefined when the header says none. */
export const traceIdOf = (traceparent: unknown): string | undefined =>
  typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined;

/** The header that tells others of a trace, with a span of its own. */
export const traceparentOf = (traceId: string): string => `00-${traceId}-${randomBytes(8).toString('hex')}-01`;
