import { traceIdOf, traceparentOf } from '#base/trace.ts';
import { PromptAccepted, PromptBody } from '#protocol/http.ts';
import type { Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';
import { SessionParams } from './sessions.ts';

export function prompts(app: App, { sessions, limits }: HttpOptions, guard: Guard): void {
  app.post(
    '/v1/sessions/:id/prompts',
    {
      onRequest: guard.session('host'),
      schema: {
        summary: 'Ask the avatar, or have it say something',
        description:
          '`chat` asks the model; `say` speaks the text as it is. Prompts are answered one after the other; up to 8 may wait. A `traceparent` header (W3C Trace Context) is gone on with, and one is given back.',
        tags: ['talk'],
        params: SessionParams,
        body: PromptBody,
        response: { 202: PromptAccepted, ...FAILURES },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await limits.use('prompt', id);
      const session = await sessions.get(id);
      const accepted = await session.prompt(request.body, traceIdOf(request.headers['traceparent']));
      return reply.status(202).header('traceparent', traceparentOf(accepted.traceId)).send(accepted);
    },
  );
}
