import { ERRORS, type ErrorCode } from '#protocol/errors.ts';
import { ErrorBody } from '#protocol/http.ts';

/** A server's code, or what only a client can meet: no way to the server, no answer in time, a browser that can't. */
export type ClientErrorCode = ErrorCode | 'unreachable' | 'timeout' | 'unsupported';

/** The one error class of the client. `code` is for programs, `message` says what was wrong and what is allowed. */
export class ClientError extends Error {
  readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'ClientError';
    this.code = code;
  }

  /** Trying again can't help: the session or the right to it is gone. */
  get isFinal(): boolean {
    return FINAL.has(this.code);
  }
}

const FINAL: ReadonlySet<ClientErrorCode> = new Set(['session_not_found', 'session_closed', 'unauthorized', 'forbidden']);

/** `{code, message}` as it came from a server, which may be newer than this client. */
export function serverError({ code, message }: { code: string; message: string }): ClientError {
  return new ClientError(code in ERRORS ? (code as ErrorCode) : 'internal', message);
}

/** An HTTP answer that isn't 2xx; its body may not be ours (a proxy's). */
export function httpError(status: number, body: unknown): ClientError {
  const parsed = ErrorBody.safeParse(body);
  if (parsed.success) return serverError(parsed.data.error);
  return new ClientError(status >= 500 ? 'unreachable' : 'internal', `The server answered with HTTP status ${status}.`);
}

export function asClientError(thrown: unknown): ClientError {
  if (thrown instanceof ClientError) return thrown;
  return new ClientError('internal', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}
