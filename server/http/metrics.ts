import { z } from 'zod';
import type { Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';

export function metrics(app: App, { metrics }: HttpOptions, guard: Guard): void {
  app.get(
    '/metrics',
    {
      onRequest: guard.operator,
      schema: {
        summary: 'Prometheus metrics',
        description: 'For who asks on this machine itself, and for tokens of role server.',
        tags: ['operations'],
        produces: ['text/plain'],
        response: { 200: z.string(), ...FAILURES },
      },
    },
    async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );

  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    const labels = { method: request.method, route, status: String(reply.statusCode) };
    metrics.httpRequestMs.observe(labels, reply.elapsedTime);
    const { id } = request.params as { id?: string };
    const level =
      route.startsWith('/hls/') || route === '/metrics' || route === '/healthz' || route === '/readyz' ? 'debug' : 'info';
    request.log[level](
      { ...labels, ms: Math.round(reply.elapsedTime * 10) / 10, ...(id === undefined ? {} : { sessionId: id }) },
      'request',
    );
  });
}
