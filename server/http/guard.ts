import type { FastifyRequest } from 'fastify';
import { AvatarError } from '#base/errors.ts';
import { addressKey } from '#server/auth/addresses.ts';
import { isAllowedOrigin, isLoopbackName, type Origins } from '#server/auth/origins.ts';
import type { Claims } from '#server/auth/tokens.ts';
import type { HttpOptions } from './options.ts';

type Check = (request: FastifyRequest) => Promise<void>;

/** Who may pass: the roles of a session, who may create one, who runs the server, or anyone whose token is good if one is shown. */
export type Door = 'host' | 'viewer' | 'create' | 'operator' | 'open';

export interface Guard {
  /** The token must be of one of these roles in the session that `:id` names; a server's token opens every session. */
  session(...roles: readonly ('host' | 'viewer')[]): Check;
  /** For what sessions and avatars are made by: a server's token; without AUTH_SECRET none is needed on this machine. */
  readonly create: Check;
  /** A server's token, or none on this machine. */
  readonly operator: Check;
  /** No token is needed, but one that is shown must be good. */
  readonly open: Check;
}

const LOOPBACK_PEER = /^(::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/;
const doors = new WeakMap<object, Door>();

/** The door that this hook is, if it is one. */
export const doorOf = (hook: object): Door | undefined => doors.get(hook);

export function createGuard({ sessions, tokens, limits, config }: HttpOptions): Guard {
  const claimsOf = async (request: FastifyRequest): Promise<Claims | undefined> => {
    try {
      const token = tokenOf(request);
      return token === undefined ? undefined : await tokens.verify(token);
    } catch (refusal) {
      await limits.use('auth_failure', addressKey(request.ip));
      throw refusal;
    }
  };
  return {
    session: (...roles) =>
      door(roles.includes('viewer') ? 'viewer' : 'host', async (request) => {
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
      }),
    create: door('create', async (request) => {
      const claims = await claimsOf(request);
      if (claims?.role === 'server') return;
      if (tokens.guarded) {
        if (!claims) throw new AvatarError('unauthorized', 'Creating sessions and avatars needs a token of role server.');
        throw new AvatarError('forbidden', `Creating sessions and avatars needs a token of role server, not ${claims.role}.`);
      }
      if (!isLocal(request, config))
        throw new AvatarError('forbidden', 'Without AUTH_SECRET only this machine may create sessions and avatars.');
    }),
    operator: door('operator', async (request) => {
      const claims = await claimsOf(request);
      if (claims?.role === 'server') return;
      if (claims) throw new AvatarError('forbidden', `This needs a token of role server, not ${claims.role}.`);
      if (!isLocal(request, config)) throw new AvatarError('unauthorized', 'From elsewhere this needs a token of role server.');
    }),
    open: door('open', async (request) => {
      await claimsOf(request);
    }),
  };
}

function door(kind: Door, check: Check): Check {
  doors.set(check, kind);
  return check;
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
  if (!LOOPBACK_PEER.test(request.socket.remoteAddress ?? '') || !isLoopbackName(request.host)) return false;
  return origin === undefined || isAllowedOrigin(origin, request.host, origins);
}
