import { Transcript } from '#protocol/http.ts';
import type { Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';
import { SessionParams } from './sessions.ts';

export function transcript(app: App, { sessions }: HttpOptions, guard: Guard): void {
  app.get(
    '/v1/sessions/:id/transcript',
    {
      onRequest: guard.session('host', 'viewer'),
      schema: {
        summary: 'What was asked and what was really spoken',
        tags: ['talk'],
        params: SessionParams,
        response: { 200: Transcript, ...FAILURES },
      },
    },
    async (request) => ({ turns: [...(await sessions.get(request.params.id)).transcript()] }),
  );
}
