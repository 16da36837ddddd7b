import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { Duplex } from 'node:stream';
import { asAvatarError, AvatarError, isAbort } from '#base/errors.ts';
import type { ErrorCode } from '#protocol/errors.ts';

/** Answers any thrown value as `{error: {code, message, details?}}`. */
export function answerError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = translate(thrown, request);
  if (error.status >= 500 && !isAbort(thrown)) request.log.error({ err: thrown, code: error.code }, 'request failed');
  if (error.code === 'unauthorized') void reply.header('www-authenticate', 'Bearer');
  const retryAfterMs = error.details?.retryAfterMs;
  if (typeof retryAfterMs === 'number') void reply.header('retry-after', Math.ceil(retryAfterMs / 1_000));
  return reply.status(error.status).type('application/json').send(error.toBody());
}

export function answerNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?', 1)[0] ?? '';
  return answerError(new AvatarError('not_found', `There is no ${request.method} ${path}.`), request, reply);
}

/** Bytes that are no HTTP request have no reply object: the answer is written by hand. */
export function answerGarbage(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [line, message] = BY_HAND[error.code ?? ''] ?? ['400 Bad Request', 'This is not an HTTP request.'];
  writeByHand(socket, line, message);
}

const BY_HAND: Readonly<Record<string, readonly [line: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The request has too large headers.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request took too long to arrive.'],
};

/** The last that goes over this connection. */
export function writeByHand(socket: Duplex, line: string, message: string): void {
  const body = JSON.stringify(new AvatarError(line.startsWith('429') ? 'rate_limited' : 'bad_request', message).toBody());
  const head = `HTTP/1.1 ${line}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close`;
  socket.on('error', () => undefined);
  socket.end(`${head}\r\n\r\n${body}`, () => socket.destroy());
}

/** Fastify's own errors by their code, others by their status. */
const KNOWN: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'The Content-Type is not accepted here; JSON calls take application/json.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad_request', 'The Content-Length does not match the body.'],
  FST_ERR_BAD_URL: ['bad_request', 'The path is not a valid URL.'],
};

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  404: 'not_found',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
};

function translate(thrown: unknown, request: FastifyRequest): AvatarError {
  if (thrown instanceof AvatarError) return thrown;
  if (hasZodFastifySchemaValidationErrors(thrown)) return invalid(thrown);
  if (!(thrown instanceof Error)) return asAvatarError(thrown);
  const { code, statusCode = 500, message } = thrown as FastifyError;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const most = request.routeOptions.bodyLimit;
    return new AvatarError('payload_too_large', `The body may have at most ${most} bytes.`, { cause: thrown });
  }
  const known = KNOWN[code];
  if (known) return new AvatarError(known[0], known[1], { cause: thrown });
  if (statusCode < 400 || statusCode >= 500) return asAvatarError(thrown);
  return new AvatarError(BY_STATUS[statusCode] ?? 'bad_request', message, { cause: thrown });
}

/** Names the first field that is wrong, and lists up to ten in the details. */
function invalid(error: {
  validation: readonly { instancePath: string; message?: string }[];
  validationContext?: string;
}): AvatarError {
  const issues = error.validation.slice(0, 10).map(({ instancePath, message = 'is invalid' }) => ({
    path: instancePath.slice(1).replaceAll('/', '.').slice(0, 200),
    message: message.slice(0, 300),
  }));
  const first = issues[0];
  const where = first?.path || (error.validationContext ?? 'request');
  return new AvatarError('bad_request', `${where}: ${first?.message ?? 'is invalid'}`, { details: { issues } });
}
