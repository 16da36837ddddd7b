import { z } from 'zod';
import { Id } from '#protocol/http.ts';
import { addressKey } from '#server/auth/addresses.ts';
import type { Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';
import { SessionParams } from './sessions.ts';

const ViewerParams = z.object({ id: Id, viewer: z.string().max(64) });
const Sdp = z.string().min(1, 'must not be empty');
const FRAGMENT = 'application/trickle-ice-sdpfrag';

/** WHEP (draft-ietf-wish-whep): any player may watch. */
export function whep(app: App, { sessions, limits }: HttpOptions, guard: Guard): void {
  app.post(
    '/v1/sessions/:id/whep',
    {
      onRequest: guard.session('host', 'viewer'),
      config: { contentType: 'application/sdp' },
      schema: {
        summary: 'Watch by WHEP',
        description: 'Takes an SDP offer that receives, answers with SDP and a Location.',
        tags: ['watch'],
        consumes: ['application/sdp'],
        produces: ['application/sdp'],
        params: SessionParams,
        body: Sdp,
        response: { 201: z.string(), ...FAILURES },
      },
    },
    async (request, reply) => {
      await limits.use('whep', addressKey(request.ip));
      const session = await sessions.get(request.params.id);
      const { id, etag, answer } = await session.parts.whep.offer(request.body);
      session.tick();
      void reply
        .header('location', `/v1/sessions/${session.id}/whep/${id}`)
        .header('etag', etag)
        .header('accept-patch', FRAGMENT);
      return reply.status(201).type('application/sdp').send(answer);
    },
  );

  app.patch(
    '/v1/sessions/:id/whep/:viewer',
    {
      onRequest: guard.session('host', 'viewer'),
      config: { contentType: FRAGMENT },
      schema: {
        summary: 'Trickle ICE, or restart it with If-Match: "*"',
        tags: ['watch'],
        consumes: [FRAGMENT],
        params: ViewerParams,
        body: Sdp,
        response: { 200: z.string(), 204: z.null(), ...FAILURES },
      },
    },
    async (request, reply) => {
      const { id, viewer } = request.params;
      if (request.headers['if-match'] === '*') await limits.use('ice_restart', viewer);
      const { parts } = await sessions.get(id);
      const { etag, fragment } = await parts.whep.patch(viewer, request.body, request.headers['if-match']);
      void reply.header('etag', etag);
      if (fragment === undefined) return reply.status(204).send(null);
      return reply.status(200).type(FRAGMENT).send(fragment);
    },
  );

  app.delete(
    '/v1/sessions/:id/whep/:viewer',
    {
      onRequest: guard.session('host', 'viewer'),
      schema: { summary: 'Stop watching', tags: ['watch'], params: ViewerParams, response: { 200: z.null(), ...FAILURES } },
    },
    async (request, reply) => {
      const { id, viewer } = request.params;
      const { parts } = await sessions.get(id);
      await parts.whep.delete(viewer);
      return reply.status(200).send(null);
    },
  );
}
