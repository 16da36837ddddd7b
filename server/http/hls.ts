import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { AvatarError } from '#base/errors.ts';
import { Id } from '#protocol/http.ts';
import { tokenOf, type Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';
import { SessionParams } from './sessions.ts';

/** The only file names there are; whatever else is asked for is never looked up. */
const FILE = /^(init_\d{1,9}\.mp4|segment_\d{1,9}\.m4s|captions_\d{1,9}\.vtt)$/;
const PLAYLIST = 'application/vnd.apple.mpegurl';
const Query = z.object({ token: z.string().optional() });

export function hls(app: App, { sessions }: HttpOptions, guard: Guard): void {
  app.get(
    '/hls/:id/index.m3u8',
    {
      onRequest: guard.session('host', 'viewer'),
      schema: {
        summary: 'Watch by HLS',
        description:
          'The first request after a stop waits up to 5 s. The token is repeated on every URI, since players can’t send headers.',
        tags: ['watch'],
        produces: [PLAYLIST],
        params: SessionParams,
        querystring: Query,
        response: { 200: z.string(), ...FAILURES },
      },
    },
    async (request, reply) => {
      const session = await sessions.get(request.params.id);
      const playlist = await session.parts.hls.playlist(tokenOf(request) ?? '', goneSignal(reply));
      return reply.header('cache-control', 'no-store').type(PLAYLIST).send(playlist);
    },
  );

  app.get(
    '/hls/:id/captions.m3u8',
    {
      onRequest: guard.session('host', 'viewer'),
      schema: {
        summary: 'The captions alone, by HLS',
        description: 'WebVTT, a segment for each of the media’s, with the same number and times.',
        tags: ['watch'],
        produces: [PLAYLIST],
        params: SessionParams,
        querystring: Query,
        response: { 200: z.string(), ...FAILURES },
      },
    },
    async (request, reply) => {
      const session = await sessions.get(request.params.id);
      const captions = await session.parts.hls.captions(tokenOf(request) ?? '', goneSignal(reply));
      return reply.header('cache-control', 'no-store').type(PLAYLIST).send(captions);
    },
  );

  app.get(
    '/hls/:id/main.m3u8',
    {
      onRequest: guard.session('host', 'viewer'),
      schema: {
        summary: 'Watch by HLS, with captions',
        description: 'A multivariant playlist: index.m3u8 with captions.m3u8 as its subtitles, for players that show them.',
        tags: ['watch'],
        produces: [PLAYLIST],
        params: SessionParams,
        querystring: Query,
        response: { 200: z.string(), ...FAILURES },
      },
    },
    async (request, reply) => {
      const session = await sessions.get(request.params.id);
      return reply
        .header('cache-control', 'no-store')
        .type(PLAYLIST)
        .send(session.parts.hls.variants(tokenOf(request) ?? ''));
    },
  );

  app.get(
    '/hls/:id/:file',
    {
      onRequest: guard.session('host', 'viewer'),
      schema: {
        summary: 'A file the playlist names',
        tags: ['watch'],
        produces: ['video/mp4', 'video/iso.segment', 'text/vtt'],
        params: z.object({ id: Id, file: z.string() }),
        querystring: Query,
        response: { 200: z.unknown().describe('The bytes of the file'), ...FAILURES },
      },
    },
    async (request, reply) => {
      const { id, file: name } = request.params;
      const file = FILE.test(name) ? (await sessions.get(id)).parts.hls.file(name, tokenOf(request)) : undefined;
      if (!file) throw new AvatarError('not_found', 'There is no such HLS file, or it is too old.');
      // A name never gets other content, but it is its session's own: no shared cache may keep it.
      void reply.header('cache-control', 'private, max-age=60, immutable').type(file.type);
      return reply.send(Buffer.from(file.data.buffer, file.data.byteOffset, file.data.byteLength));
    },
  );
}

/** Aborts when the client goes away before it was answered. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}
