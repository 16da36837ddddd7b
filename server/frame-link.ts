import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { asAvatarError, AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { FRAME_LINK_PATH, FRAME_LINK_PROTOCOL, MAX_MESSAGE } from '#protocol/frame-link.ts';
import { addressKey, clientAddress, trusting } from './auth/addresses.ts';
import { Crowd } from './auth/crowd.ts';
import type { Limits } from './auth/limits.ts';
import type { Tokens } from './auth/tokens.ts';
import { writeByHand } from './http/errors.ts';
import type { Door } from './render/remote/remote.ts';

export interface FrameLinkOptions {
  readonly config: { readonly trustProxy: readonly string[]; readonly maxConnections: number };
  readonly renderer: Door;
  readonly tokens: Pick<Tokens, 'verifyForLease'>;
  readonly limits: Limits;
  readonly log: Log;
}

/** The door for GPU workers, on the HTTP server's own port (docs/frame-link.md). */
export function attachFrameLink(server: HttpServer, options: FrameLinkOptions): { close(reason: string): Promise<void> } {
  const { config, renderer, log } = options;
  const life = new Lifetime();
  const door = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
    handleProtocols: () => FRAME_LINK_PROTOCOL,
  });
  const crowd = new Crowd(config.maxConnections);
  const trusts = trusting(config.trustProxy);
  const keyOf = ({ headers, socket }: IncomingMessage): string =>
    addressKey(clientAddress(socket.remoteAddress ?? '', headers['x-forwarded-for'], trusts));
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (request.url?.split('?')[0] !== FRAME_LINK_PATH) return;
    const gone = (): void => void socket.destroy();
    socket.once('error', gone);
    const key = keyOf(request);
    const leave = crowd.enter(key);
    socket.once('close', () => leave?.());
    leaseOf(request, key, leave !== undefined, options).then(
      (lease) => {
        socket.off('error', gone);
        door.handleUpgrade(request, socket, head, (link) => {
          renderer.accept(lease, link).catch((error: unknown) => {
            log.debug({ err: error }, 'a GPU worker came too late');
            link.close(4409);
          });
        });
      },
      (error: unknown) => {
        const { code, status, message } = asAvatarError(error);
        if (code === 'internal') log.error({ err: error }, 'a frame link failed');
        writeByHand(socket, `${status} ${code}`, message);
      },
    );
  };
  server.on('upgrade', upgrade);
  life.defer(() => void server.off('upgrade', upgrade));
  life.defer(() => door.clients.forEach((link) => link.terminate()));
  return { close: (reason) => life.close(reason) };
}

/** The lease whose token is shown. Throws AvatarError. */
async function leaseOf(
  request: IncomingMessage,
  key: string,
  hasRoom: boolean,
  { config, renderer, tokens, limits }: FrameLinkOptions,
): Promise<string> {
  if (!hasRoom)
    throw new AvatarError('rate_limited', `One address may have at most ${config.maxConnections} frame links at once.`);
  await limits.use('connection', key);
  const { authorization = '', 'sec-websocket-protocol': protocols = '' } = request.headers;
  if (!protocols.split(',').some((one) => one.trim() === FRAME_LINK_PROTOCOL))
    throw new AvatarError('bad_request', `The frame link speaks ${FRAME_LINK_PROTOCOL}; offer that as the subprotocol.`);
  const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  const lease = await verified(token, key, { tokens, limits });
  if (!renderer.isWanted(lease)) throw new AvatarError('not_found', 'Nobody waits for this lease any more.');
  return lease;
}

async function verified(
  token: string | undefined,
  key: string,
  { tokens, limits }: Pick<FrameLinkOptions, 'tokens' | 'limits'>,
): Promise<string> {
  try {
    if (token === undefined)
      throw new AvatarError('unauthorized', 'The token of a lease is needed: Authorization: Bearer <token>.');
    return await tokens.verifyForLease(token);
  } catch (refusal) {
    await limits.use('auth_failure', key);
    throw refusal;
  }
}
