import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { App } from './options.ts';

/** /openapi.json and its readable form at /docs, generated from the schemas of the routes registered after this. */
export async function docs(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'InfiniteTalk RTC',
        description: 'A realtime WebRTC media server for talking avatars. Errors are `{error: {code, message, details?}}`.',
        version: '1',
      },
      tags: [
        { name: 'sessions', description: 'One conversation with one avatar' },
        { name: 'talk', description: 'What the avatar says' },
        { name: 'watch', description: 'The stage, by WHEP and HLS' },
        { name: 'avatars', description: 'Who can talk' },
        { name: 'operations', description: 'Health and metrics' },
      ],
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // It lays out with style attributes, which the page doesn't need.
    transformStaticCSP: (policy) => policy.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
  });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}
