import { z } from 'zod';
import { Transcript } from '#protocol/http.ts';
import type { Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';
import { SessionParams } from './sessions.ts';
import { asText, asVtt } from './transcript-text.ts';

const Query = z.object({
  token: z.string().optional(),
  format: z.enum(['json', 'txt', 'vtt']).default('json').describe('txt: a line for each who said something; vtt: WebVTT'),
});
const WRITERS = {
  txt: { type: 'text/plain; charset=utf-8', write: asText },
  vtt: { type: 'text/vtt; charset=utf-8', write: asVtt },
} as const;

export function transcript(app: App, { sessions }: HttpOptions, guard: Guard): void {
  app.get(
    '/v1/sessions/:id/transcript',
    {
      onRequest: guard.session('host', 'viewer'),
      schema: {
        summary: 'What was asked and what was really spoken',
        tags: ['talk'],
        params: SessionParams,
        querystring: Query,
        response: { 200: z.union([Transcript, z.string()]), ...FAILURES },
      },
    },
    async (request, reply) => {
      const session = await sessions.get(request.params.id);
      const { format } = request.query;
      void reply.header('cache-control', 'no-store');
      if (format === 'json') return { turns: [...session.transcript()] };
      const { type, write } = WRITERS[format];
      return reply.type(type).send(write(session.transcript(), session.parts.avatar.name));
    },
  );
}
