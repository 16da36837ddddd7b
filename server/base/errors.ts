import { statusOf, type ErrorCode } from '#protocol/errors.ts';

/** The one error class. `code` is for programs, `message` names what was wrong and what is allowed, `details` is safe to send to clients. */
export class AvatarError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, { cause: options.cause });
    this.name = 'AvatarError';
    this.code = code;
    this.details = options.details;
  }

  /** The HTTP status that belongs to the code. */
  get status(): number {
    return statusOf(this.code);
  }

  toBody(): { error: { code: ErrorCode; message: string; details?: Record<string, unknown> } } {
    return { error: { code: this.code, message: this.message, ...(this.details ? { details: { ...this.details } } : {}) } };
  }
}

/** Any thrown value as an AvatarError; what isn't one becomes `internal`, with the original as its cause and none of it in the message. */
export function asAvatarError(thrown: unknown): AvatarError {
  if (thrown instanceof AvatarError) return thrown;
  return new AvatarError('internal', 'Something went wrong on the server; its log says more.', { cause: thrown });
}

export const isAbort = (thrown: unknown): boolean => thrown instanceof Error && thrown.name === 'AbortError';
