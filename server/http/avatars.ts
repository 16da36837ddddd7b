import { Avatars } from '#protocol/http.ts';
import type { Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';

export function avatars(app: App, { avatars }: HttpOptions, guard: Guard): void {
  app.get(
    '/v1/avatars',
    {
      onRequest: guard.open,
      schema: { summary: 'The avatars of this server', tags: ['avatars'], response: { 200: Avatars, ...FAILURES } },
    },
    async () => ({ avatars: [...avatars()] }),
  );
}
