import type { FastifyRequest } from 'fastify';
import { AvatarError } from '#base/errors.ts';
import { isAllowedOrigin, type Origins } from '#server/auth/origins.ts';
import type { Claims } from '#server/auth/tokens.ts';
import type { HttpOptions } from './options.ts';

type Check = (request: FastifyRequest) => Promise<void>;

export interface Guard {
  /** The token must be of one of these roles in the session that `:id` names; a server's token opens every session. */
  session(...roles: readonly ('host' | 'viewer')[]): Check;
  /** A server's token; without AUTH_SECRET none is needed on this machine. */
  readonly create: Check;
  /** No token is needed, but one that is shown must be good. */
  readonly open: Check;
}

const LOOPBACK_PEER = /^(::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/;
const LOOPBACK_NAME = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

export function createGuard({ sessions, tokens, config }: HttpOptions): Guard {
  const claimsOf = async (request: FastifyRequest): Promise<Claims | undefined> => {
    const token = tokenOf(request);
    return token === undefined ? undefined : tokens.verify(token);
  };
  return {
    session:
      (...roles) =>
      async (request) => {
        const claims = await claimsOf(request);
        if (!claims) throw new AvatarError('unauthorized', 'A token is needed: Authorization: Bearer <token>.');
        const { id } = request.params as { id: string };
        sessions.expect(id);
        if (claims.role === 'server') return;
        if (claims.sessionId !== id) throw new AvatarError('forbidden', 'The token belongs to another session.');
        if (!roles.includes(claims.role)) {
          throw new AvatarError(
            'forbidden',
            `A ${claims.role} may not do this; a token of role ${roles.join(' or ')} is needed.`,
          );
        }
      },
    create: async (request) => {
      const claims = await claimsOf(request);
      if (claims?.role === 'server') return;
      if (tokens.guarded) {
        if (!claims) throw new AvatarError('unauthorized', 'Creating a session needs a token of role server.');
        throw new AvatarError('forbidden', `Creating a session needs a token of role server, not ${claims.role}.`);
      }
      if (!isLocal(request, config))
        throw new AvatarError('forbidden', 'Without AUTH_SECRET only this machine may create sessions.');
    },
    open: async (request) => {
      await claimsOf(request);
    },
  };
}

/** The bearer token, or for HLS the one in the query, since players can't send headers. */
export function tokenOf(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    if (token === undefined) throw new AvatarError('unauthorized', 'Authorization must be "Bearer <token>".');
    return token;
  }
  const { token } = request.query as { token?: unknown };
  return request.url.startsWith('/hls/') && typeof token === 'string' && token !== '' ? token : undefined;
}

/**
 * Asked from this machine, by its own name, not through a proxy, and not by some web page on another origin:
 * a page elsewhere can make a browser here send requests to loopback, also under a name of its own that resolves there.
 */
function isLocal(request: FastifyRequest, origins: Origins): boolean {
  const { origin, forwarded, 'x-forwarded-for': forwardedFor } = request.headers;
  if (forwarded !== undefined || forwardedFor !== undefined) return false;
  if (!LOOPBACK_PEER.test(request.socket.remoteAddress ?? '') || !LOOPBACK_NAME.test(request.host)) return false;
  return origin === undefined || isAllowedOrigin(origin, request.host, origins);
}
