import { z } from 'zod';
import type { Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';
import { SessionParams } from './sessions.ts';

export function interrupt(app: App, { sessions }: HttpOptions, guard: Guard): void {
  app.post(
    '/v1/sessions/:id/interrupt',
    {
      onRequest: guard.session('host'),
      schema: {
        summary: 'Silence now',
        description: 'Cuts what is on air and forgets the prompts that wait.',
        tags: ['talk'],
        params: SessionParams,
        response: { 202: z.object({}), ...FAILURES },
      },
    },
    async (request, reply) => {
      (await sessions.get(request.params.id)).interrupt();
      return reply.status(202).send({});
    },
  );
}
