import { isAllowedOrigin } from '#server/auth/origins.ts';
import type { App, HttpOptions } from './options.ts';

const METHODS = 'GET, POST, PATCH, DELETE';
const REQUEST_HEADERS = 'Authorization, Content-Type, If-Match';
const ANSWER_HEADERS = 'Location, ETag, Link, Retry-After, X-Request-Id';

/** CORS (Fetch standard §3.2) for pages on the allowed origins: WHEP players, hls.js, other front ends. Tokens travel in headers, never in cookies. */
export function allowOrigins(app: App, { config }: HttpOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers;
    if (config.allowedOrigins.length > 0) void reply.header('vary', 'Origin');
    if (origin === undefined || !isAllowedOrigin(origin, request.host, config)) return;
    void reply.header('access-control-allow-origin', origin);
    void reply.header('access-control-expose-headers', ANSWER_HEADERS);
    void reply.header('cross-origin-resource-policy', 'cross-origin');
  });
  app.options('/*', { schema: { hide: true } }, async (_request, reply) => {
    void reply.header('access-control-allow-methods', METHODS);
    void reply.header('access-control-allow-headers', REQUEST_HEADERS);
    void reply.header('access-control-max-age', 600);
    return reply.status(204).send();
  });
}
