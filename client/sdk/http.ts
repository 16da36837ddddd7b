import type { z } from 'zod';
import {
  CreatedSession,
  CreatedToken,
  ImageShown,
  StageStatus,
  Transcript,
  type CreateSession,
  type Role,
} from '#protocol/http.ts';
import { backoff } from './backoff.ts';
import { asClientError, ClientError, httpError } from './errors.ts';
import type { Owned } from './owned.ts';
import type { ConnectOptions } from './types.ts';

/** A session and the right to it. */
export interface Credentials {
  readonly id: string;
  readonly token: string;
}

interface Call<Answer extends z.ZodType> {
  readonly path: string;
  readonly answer: Answer;
  /** Sent as JSON, but for an image, which is sent as it is. */
  readonly body?: unknown;
  readonly token?: string | undefined;
  readonly signal: AbortSignal;
}

/** The session to join: the one that is named, else a new one, asked for until the server is there. @throws ClientError */
export async function obtainSession(
  server: URL,
  options: ConnectOptions,
  owned: Owned,
  onRetry: (error: ClientError) => void,
): Promise<Credentials> {
  const { session, token, url: _url, transport: _transport, ...wish } = options;
  if (session !== undefined && token !== undefined) return { id: session, token };
  if (session !== undefined) throw new ClientError('unauthorized', 'To join a session its token is needed.');
  for (let attempt = 0; ; attempt += 1) {
    try {
      const created = await createSession(server, wish, token, owned.signal);
      return { id: created.id, token: created.token };
    } catch (thrown) {
      const error = asClientError(thrown);
      if (owned.state === 'closed' || (error.code !== 'unreachable' && error.code !== 'not_ready')) throw error;
      onRetry(error);
      await new Promise<void>((resolve) => owned.after(backoff(attempt), resolve));
    }
  }
}

/** `POST /v1/sessions`. @throws ClientError */
function createSession(server: URL, body: CreateSession, token: string | undefined, signal: AbortSignal): Promise<Credentials> {
  return call(server, { path: '/v1/sessions', answer: CreatedSession, body, token, signal });
}

/** `POST /v1/sessions/:id/tokens`: a link for someone else. @throws ClientError */
export function createToken(
  server: URL,
  { id, token }: Credentials,
  role: Role,
  signal: AbortSignal,
): Promise<z.infer<typeof CreatedToken>> {
  return call(server, { path: `/v1/sessions/${id}/tokens`, answer: CreatedToken, body: { role }, token, signal });
}

/** `POST /v1/sessions/:id/images`. @throws ClientError */
export function showImage(server: URL, { id, token }: Credentials, image: Blob, signal: AbortSignal): Promise<ImageShown> {
  return call(server, { path: `/v1/sessions/${id}/images`, answer: ImageShown, body: image, token, signal });
}

/** `GET /v1/sessions/:id/stage`. @throws ClientError */
export function stageStatus(server: URL, { id, token }: Credentials, signal: AbortSignal): Promise<StageStatus> {
  return call(server, { path: `/v1/sessions/${id}/stage`, answer: StageStatus, token, signal });
}

/** `GET /v1/sessions/:id/transcript`. @throws ClientError */
export function transcript(server: URL, { id, token }: Credentials, signal: AbortSignal): Promise<z.infer<typeof Transcript>> {
  return call(server, { path: `/v1/sessions/${id}/transcript`, answer: Transcript, token, signal });
}

/** `GET /v1/sessions/:id/transcript?format=…`, to be kept. @throws ClientError */
export async function transcriptFile(
  server: URL,
  { id, token }: Credentials,
  format: TranscriptFormat,
  signal: AbortSignal,
): Promise<Blob> {
  const url = new URL(`/v1/sessions/${id}/transcript?format=${format}`, server);
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal }).catch((cause: unknown) => {
    throw new ClientError('unreachable', `The server at ${server.origin} can't be reached.`, { cause });
  });
  if (!response.ok) throw httpError(response.status, await response.json().catch(() => undefined));
  return response.blob();
}

export type TranscriptFormat = 'json' | 'txt' | 'vtt';

export function playlistUrl(server: URL, { id, token }: Credentials): string {
  const url = new URL(`/hls/${id}/index.m3u8`, server);
  url.searchParams.set('token', token);
  return url.href;
}

async function call<Answer extends z.ZodType>(
  server: URL,
  { path, answer, body, token, signal }: Call<Answer>,
): Promise<z.infer<Answer>> {
  const response = await fetch(new URL(path, server), {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(body === undefined ? {} : { 'content-type': body instanceof Blob ? body.type : 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
    signal,
  }).catch((cause: unknown) => {
    throw new ClientError('unreachable', `The server at ${server.origin} can't be reached.`, { cause });
  });
  const json: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw httpError(response.status, json);
  const parsed = answer.safeParse(json);
  if (!parsed.success)
    throw new ClientError('internal', `The server's answer to ${path} is not as agreed.`, { cause: parsed.error });
  return parsed.data;
}
