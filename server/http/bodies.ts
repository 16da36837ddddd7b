import type { FastifyRequest } from 'fastify';
import { AvatarError } from '#base/errors.ts';
import type { App } from './options.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The Content-Type this route takes; application/json when left out. */
    contentType?: string;
  }
}

export const IMAGE_TYPE = 'image/jpeg';
const SDP_TYPES = ['application/sdp', 'application/trickle-ice-sdpfrag'];

/** How bodies become values: JSON and SDP, refused when they are not UTF-8 instead of being quietly repaired; images as they are. */
export function acceptBodies(app: App): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const text = decoded(body);
    if (text instanceof Error) return done(text);
    if (text.trim() === '') return done(null, undefined);
    void parseJson(request, text, (error, value) => done(error ? unreadable(error) : null, value));
  });
  app.addContentTypeParser(SDP_TYPES, { parseAs: 'buffer' }, (_request, body, done) => {
    const text = decoded(body);
    return text instanceof Error ? done(text) : done(null, text);
  });
  app.addContentTypeParser(IMAGE_TYPE, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('preValidation', async (request) => checkType(request));
}

function decoded(body: string | Buffer): string | AvatarError {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(body));
  } catch (cause) {
    return new AvatarError('bad_request', 'The body is not valid UTF-8.', { cause });
  }
}

const unreadable = (cause: Error): AvatarError => new AvatarError('bad_request', 'The body is not valid JSON.', { cause });

function checkType(request: FastifyRequest): void {
  if (request.body === undefined || request.body === null) return;
  const wanted = request.routeOptions.config.contentType ?? 'application/json';
  const given = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (given !== wanted) throw new AvatarError('unsupported_media_type', `The Content-Type must be ${wanted}.`);
}
