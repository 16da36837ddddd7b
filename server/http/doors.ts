import type { App } from './options.ts';
import { doorOf, type Door } from './guard.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Each route with the door it stands behind; `public` for those that anyone may ask. */
    doors: readonly RouteDoor[];
  }
}

interface RouteDoor {
  readonly method: string;
  readonly url: string;
  readonly door: Door | 'public';
}

/** Without a door on purpose: the page, the documents, and what says that the process lives. */
const PUBLIC = /^\/(|\*|docs(\/.*)?|openapi\.json|healthz|readyz)$/;

/** Refuses to be built with a route that has no door, and lists those it has. For what is registered after this. */
export function requireDoors(app: App): void {
  const doors: RouteDoor[] = [];
  app.decorate('doors', doors);
  app.addHook('onRoute', ({ method, url, onRequest }) => {
    const hooks = [onRequest ?? []].flat();
    const door = hooks.map(doorOf).find((found) => found !== undefined) ?? (PUBLIC.test(url) ? 'public' : undefined);
    if (door === undefined) throw new Error(`${String(method)} ${url} has no door: give it one of the guard's in onRequest.`);
    for (const each of [method].flat()) doors.push({ method: each, url, door });
  });
}
