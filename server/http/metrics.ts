import { z } from 'zod';
import { FAILURES, type App, type HttpOptions } from './options.ts';

export function metrics(app: App, { metrics }: HttpOptions): void {
  app.get(
    '/metrics',
    {
      schema: {
        summary: 'Prometheus metrics',
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
