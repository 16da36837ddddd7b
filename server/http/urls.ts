import type { FastifyRequest } from 'fastify';
import { AvatarError } from '#base/errors.ts';
import type { Urls } from '#protocol/http.ts';

const HOST = /^[A-Za-z0-9._-]+(:\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](:\d{1,5})?$/;

/** Where a token's holder finds everything of its session: under `publicUrl`, else under the host the request was sent to. */
export function urlsOf(request: FastifyRequest, publicUrl: string | undefined, id: string, token: string): Urls {
  const base = publicUrl ?? originOf(request);
  const query = new URLSearchParams({ token });
  return {
    page: `${base}/?${new URLSearchParams({ session: id, token })}`,
    signalling: base,
    whep: `${base}/v1/sessions/${id}/whep`,
    hls: `${base}/hls/${id}/index.m3u8?${query}`,
  };
}

function originOf(request: FastifyRequest): string {
  if (!HOST.test(request.host)) throw new AvatarError('bad_request', 'The Host header is not a host name.');
  return `${request.protocol}://${request.host}`;
}
