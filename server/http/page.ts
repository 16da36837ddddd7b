import fastifyStatic from '@fastify/static';
import { access } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { App, HttpOptions } from './options.ts';

const NOT_BUILT = `<!doctype html><meta charset="utf-8"><title>Page not built</title>
<h1>The page is not built yet</h1><p>Run <code>npm start</code>, which builds it, or <code>npx vite build</code>; then reload.
The server itself is running: see <a href="/docs">/docs</a>.</p>`;

/** The built page and its files. */
export async function page(app: App, { pageDir }: HttpOptions): Promise<void> {
  await app.register(fastifyStatic, {
    root: pageDir,
    index: false,
    suppressWarning: true,
    cacheControl: false,
    setHeaders(reply, path) {
      // vite names what is in assets/ by its content.
      const forever = path.includes(`${sep}assets${sep}`);
      void reply.header('cache-control', forever ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  app.get('/', { schema: { hide: true } }, async (_request, reply) => {
    const built = await access(join(pageDir, 'index.html')).then(
      () => true,
      () => false,
    );
    return built ? reply.sendFile('index.html') : reply.status(503).type('text/html; charset=utf-8').send(NOT_BUILT);
  });
}
