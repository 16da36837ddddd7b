import { z } from 'zod';
import { AvatarError } from '#base/errors.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';

const Ok = z.object({ status: z.literal('ok') });

export function health(app: App, { ready }: HttpOptions): void {
  app.get(
    '/healthz',
    { schema: { summary: 'The process lives', tags: ['operations'], response: { 200: Ok, ...FAILURES } } },
    async () => ({ status: 'ok' as const }),
  );
  app.get(
    '/readyz',
    { schema: { summary: 'Sessions can be served', tags: ['operations'], response: { 200: Ok, ...FAILURES } } },
    async () => {
      const missing = ready();
      if (missing.length > 0) throw new AvatarError('not_ready', `Not ready: ${missing.join('; ')}.`, { details: { missing } });
      return { status: 'ok' as const };
    },
  );
}
