import { AvatarError } from '#base/errors.ts';
import { isAllowedOrigin, isOwnHost } from '#server/auth/origins.ts';
import type { App, HttpOptions } from './options.ts';

const METHODS = 'GET, POST, PUT, PATCH, DELETE';
const REQUEST_HEADERS = 'Authorization, Content-Type, If-Match, Traceparent';
const ANSWER_HEADERS = 'Location, ETag, Link, Retry-After, Traceparent, X-Request-Id';

/**
 * CORS (Fetch standard §3.2) for pages on the allowed origins: WHEP players, hls.js, other front ends. Tokens travel in headers, never in
 * cookies; still, what a page elsewhere asks is refused before anything is done, also where its browser asks without a preflight.
 */
export function allowOrigins(app: App, { config, tokens }: HttpOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers;
    void reply.header('vary', 'Origin');
    if (!isOwnHost(request.host, config, tokens.guarded)) {
      throw new AvatarError(
        'forbidden',
        'Without AUTH_SECRET this server answers to localhost and to the host of PUBLIC_URL only, not to the name asked for.',
      );
    }
    if (origin === undefined) return;
    if (isAllowedOrigin(origin, request.host, config)) {
      void reply.header('access-control-allow-origin', origin);
      void reply.header('access-control-expose-headers', ANSWER_HEADERS);
      void reply.header('cross-origin-resource-policy', 'cross-origin');
    } else if (request.method !== 'OPTIONS') {
      throw new AvatarError('forbidden', 'Pages of this origin may not use the server; ALLOWED_ORIGINS names those that may.');
    }
  });
  app.options('/*', { schema: { hide: true } }, async (_request, reply) => {
    void reply.header('access-control-allow-methods', METHODS);
    void reply.header('access-control-allow-headers', REQUEST_HEADERS);
    void reply.header('access-control-max-age', 600);
    return reply.status(204).send();
  });
}
