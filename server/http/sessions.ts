import { z } from 'zod';
import { CreatedSession, CreateSession, Id, SessionInfo } from '#protocol/http.ts';
import { addressKey } from '#server/auth/addresses.ts';
import type { Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';
import { urlsOf } from './urls.ts';

export const SessionParams = z.object({ id: Id });

export function sessions(app: App, { sessions, tokens, limits, config }: HttpOptions, guard: Guard): void {
  app.post(
    '/v1/sessions',
    {
      onRequest: guard.create,
      schema: {
        summary: 'Create a session',
        description: '`{}` is silent until prompted. The token is of role host.',
        tags: ['sessions'],
        body: CreateSession,
        response: { 201: CreatedSession, ...FAILURES },
      },
    },
    async (request, reply) => {
      await limits.use('create', addressKey(request.ip));
      const { id, stored } = await sessions.create(request.body);
      const token = await tokens.issue({ role: 'host', sessionId: id });
      return reply
        .status(201)
        .send({ id, token, urls: urlsOf(request, config.publicUrl, id, token), ...(stored ? {} : { stored }) });
    },
  );

  app.get(
    '/v1/sessions/:id',
    {
      onRequest: guard.session('host', 'viewer'),
      schema: {
        summary: 'State, viewers and timings of a session',
        tags: ['sessions'],
        params: SessionParams,
        response: { 200: SessionInfo, ...FAILURES },
      },
    },
    async (request) => (await sessions.get(request.params.id)).info(),
  );

  app.delete(
    '/v1/sessions/:id',
    {
      onRequest: guard.session('host'),
      schema: { summary: 'End a session', tags: ['sessions'], params: SessionParams, response: { 204: z.null(), ...FAILURES } },
    },
    async (request, reply) => {
      await sessions.end(request.params.id, 'ended');
      return reply.status(204).send(null);
    },
  );
}
