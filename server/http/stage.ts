import { StageStatus } from '#protocol/http.ts';
import type { Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';
import { SessionParams } from './sessions.ts';

export function stage(app: App, { sessions }: HttpOptions, guard: Guard): void {
  app.get(
    '/v1/sessions/:id/stage',
    {
      onRequest: guard.session('host', 'viewer'),
      schema: {
        summary: 'The clock of the stage',
        description: 'Frame n was released at epochMs + n·1000/fps, Unix ms.',
        tags: ['watch'],
        params: SessionParams,
        response: { 200: StageStatus, ...FAILURES },
      },
    },
    async (request, reply) => {
      void reply.header('cache-control', 'no-store');
      return (await sessions.get(request.params.id)).parts.stage.status();
    },
  );
}
