import { CreatedToken, CreateToken } from '#protocol/http.ts';
import type { Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';
import { SessionParams } from './sessions.ts';
import { urlsOf } from './urls.ts';

export function tokens(app: App, { tokens, limits, config }: HttpOptions, guard: Guard): void {
  app.post(
    '/v1/sessions/:id/tokens',
    {
      onRequest: guard.session('host'),
      schema: {
        summary: 'A token for somebody else',
        description: 'A host may prompt, interrupt and end; a viewer may watch.',
        tags: ['sessions'],
        params: SessionParams,
        body: CreateToken,
        response: { 201: CreatedToken, ...FAILURES },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await limits.use('token', id);
      const token = await tokens.issue({ role: request.body.role, sessionId: id });
      return reply.status(201).send({ token, urls: urlsOf(request, config.publicUrl, id, token) });
    },
  );
}
