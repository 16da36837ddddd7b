import helmet from '@fastify/helmet';
import Fastify, { LogController } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { randomUUID } from 'node:crypto';
import { AvatarError } from '#base/errors.ts';
import { addressKey, trusting } from '#server/auth/addresses.ts';
import { avatars } from './avatars.ts';
import { acceptBodies } from './bodies.ts';
import { limitConnections, PATIENCE } from './connections.ts';
import { docs } from './docs.ts';
import { requireDoors } from './doors.ts';
import { answerError, answerGarbage, answerNotFound } from './errors.ts';
import { createGuard } from './guard.ts';
import { headersOf } from './headers.ts';
import { health } from './health.ts';
import { hls } from './hls.ts';
import { images } from './images.ts';
import { interrupt } from './interrupt.ts';
import { metrics } from './metrics.ts';
import { MAX_BODY, type App, type HttpOptions } from './options.ts';
import { allowOrigins } from './origins.ts';
import { page } from './page.ts';
import { prompts } from './prompts.ts';
import { sessions } from './sessions.ts';
import { stage } from './stage.ts';
import { tokens } from './tokens.ts';
import { transcript } from './transcript.ts';
import { whep } from './whep.ts';

const TRACE_ID = /^[A-Za-z0-9_.-]{8,64}$/;

/** The whole HTTP interface, not listening yet. Closing it ends its connections, not the sessions. */
export async function createHttp(options: HttpOptions): Promise<App> {
  const app = bare(options);
  await app.register(helmet, headersOf(options.config));
  await docs(app);
  const guard = createGuard(options);
  sessions(app, options, guard);
  tokens(app, options, guard);
  prompts(app, options, guard);
  images(app, options, guard);
  interrupt(app, options, guard);
  transcript(app, options, guard);
  stage(app, options, guard);
  whep(app, options, guard);
  hls(app, options, guard);
  await avatars(app, options, guard);
  health(app, options);
  metrics(app, options, guard);
  await page(app, options);
  return app;
}

/** Throws AvatarError `conflict` when the port is taken. Returns the port listened on. */
export async function listen(app: App, { host, port }: { host: string; port: number }): Promise<number> {
  try {
    await app.listen({ host: host.replace(/^\[|\]$/g, ''), port });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EADDRINUSE') {
      throw new AvatarError('conflict', `PORT ${port} on ${host} is in use: stop what listens there, or set PORT to another.`, {
        cause,
      });
    }
    if (code === 'EACCES')
      throw new AvatarError('conflict', `PORT ${port} needs more rights: set PORT to 1024 or above.`, { cause });
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw new AvatarError('conflict', `HOST ${host} is not an address of this machine.`, { cause });
    }
    throw cause;
  }
  const address = app.server.address();
  return typeof address === 'object' && address ? address.port : port;
}

function bare(options: HttpOptions): App {
  const { config, limits, patience = PATIENCE } = options;
  const trusts = trusting(config.trustProxy);
  const app = Fastify({
    loggerInstance: options.log,
    // The URL may hold a token: requests are logged by route instead, with the trace id.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'traceId' }),
    bodyLimit: MAX_BODY,
    forceCloseConnections: true,
    trustProxy: config.trustProxy.length > 0 && trusts,
    requestTimeout: patience.request,
    connectionTimeout: patience.silence,
    http: { headersTimeout: patience.headers, connectionsCheckingInterval: Math.min(1_000, patience.headers) },
    genReqId(request) {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && TRACE_ID.test(given) ? given : randomUUID();
    },
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    clientErrorHandler: answerGarbage,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(answerError);
  app.setNotFoundHandler(answerNotFound);
  limitConnections(app.server, config.maxConnections, trusts);
  requireDoors(app);
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id);
    // What is kept says so itself; the rest may hold tokens, or is old in a moment.
    void reply.header('cache-control', 'no-store');
    await limits.use('request', addressKey(request.ip));
  });
  acceptBodies(app);
  allowOrigins(app, options);
  return app;
}
