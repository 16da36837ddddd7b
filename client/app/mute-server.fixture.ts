import { execa } from 'execa';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Server, type Socket } from 'socket.io';
import { CreateSession, type Turn } from '#protocol/http.ts';
import { REQUESTS, type AnswerOf, type EventName, type EventOf, type RequestName, type RequestOf } from '#protocol/signalling.ts';
import { asClientError } from '#client/sdk/index.ts';
import { deafTransport, neverSent, routerCapabilities } from './mute-media.fixture.ts';

const FPS = 25;
export const SESSION = 'session-for-tests';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.m3u8': 'application/vnd.apple.mpegurl',
  '.mp4': 'video/mp4',
  '.m4s': 'video/mp4',
};
/** Stricter than any server of ours. */
const POLICY = "default-src 'self'; media-src 'self' blob:; script-src 'self'; style-src 'self'; connect-src 'self' ws:";

type Answers = { [Name in RequestName]?: (body: RequestOf<Name>, socket: Socket) => AnswerOf<Name> | Promise<AnswerOf<Name>> };

interface Wishes {
  readonly pageDir: string;
  readonly role?: 'host' | 'viewer';
  /** Refuses every socket with this code. */
  readonly refuses?: string;
  /** Instead of the mute answers; may throw a ClientError. */
  readonly answers?: Answers;
}

/** The built page, in a folder of its own. */
export async function buildPage(): Promise<{ dir: string; remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'page-'));
  // As a program of its own: inside a test run, vite would build React for development.
  await execa('npx', ['vite', 'build', '--logLevel', 'error', '--outDir', dir, '--emptyOutDir'], {
    env: { NODE_ENV: 'production' },
  });
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}

/** Speaks the whole protocol, yet never delivers a single media packet over WebRTC. Over HLS it has a moving test picture with a tone. */
export async function muteServer({ pageDir, role = 'host', refuses, answers = {} }: Wishes) {
  const hlsDir = await mkdtemp(join(tmpdir(), 'hls-'));
  const epochMs = Date.now();
  const heard: { name: RequestName; body: unknown }[] = [];
  const created: CreateSession[] = [];
  const turns: Turn[] = [];

  const ffmpeg = spawn('ffmpeg', testPicture(join(hlsDir, 'index.m3u8')), { stdio: 'ignore' });
  const http = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  const io = new Server(http);
  if (refuses) io.use((_, next) => next(Object.assign(new Error(refuses), { data: { code: refuses, message: refuses } })));

  const mute: Required<Answers> = {
    join: () => ({
      sessionId: SESSION,
      role,
      rtpCapabilities: routerCapabilities,
      transport: deafTransport,
      stage: { fps: FPS, width: 512, height: 512, epochMs },
      state: { state: 'listening' },
      avatar: { id: 'ada', name: 'Ada' },
      sees: true,
    }),
    connect_transport: () => ({}),
    consume: () => ({ consumers: neverSent }),
    resume: () => ({}),
    restart_ice: () => ({ iceParameters: deafTransport.iceParameters }),
    open_microphone: () => ({ transport: { ...deafTransport, id: 'deaf-microphone' } }),
    produce: () => ({ producerId: 'deaf-producer' }),
    show: () => ({}),
    prompt: () => ({ utteranceId: `utterance-${heard.length}`, traceId: '0'.repeat(32) }),
    control: () => ({}),
    client_log: () => ({}),
    client_stats: () => ({}),
  };
  const all = { ...mute, ...answers };
  const listen = (socket: Socket, name: RequestName) =>
    socket.on(name, (body: unknown, acknowledge: (ack: unknown) => void) => {
      const request = REQUESTS[name].request.parse(body);
      heard.push({ name, body: request });
      const reply = all[name] as (body: unknown, socket: Socket) => unknown;
      Promise.resolve()
        .then(() => reply(request, socket))
        .then(
          (ok) => acknowledge({ ok }),
          (thrown: unknown) => {
            const { code, message } = asClientError(thrown);
            acknowledge({ error: { code, message } });
          },
        );
    });
  io.on('connection', (socket) => {
    for (const name of Object.keys(REQUESTS) as RequestName[]) listen(socket, name);
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const origin = `http://${request.headers.host ?? ''}`;
    const urls = (token: string) => ({
      page: `${origin}/?session=${SESSION}&token=${token}`,
      signalling: origin,
      whep: `${origin}/v1/sessions/${SESSION}/whep`,
      hls: `${origin}/hls/${SESSION}/index.m3u8?token=${token}`,
    });
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (pathname === '/v1/sessions') {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      created.push(CreateSession.parse(JSON.parse(body)));
      return void json(201, { id: SESSION, token: 'host-token', urls: urls('host-token') });
    }
    if (pathname.endsWith('/tokens')) return void json(201, { token: 'viewer-token', urls: urls('viewer-token') });
    const format = searchParams.get('format');
    if (pathname.endsWith('/transcript') && format) return void response.end(`transcript as ${format}`);
    if (pathname.endsWith('/transcript')) return void json(200, { turns });
    if (pathname.endsWith('/stage'))
      return void json(200, { fps: FPS, size: { width: 512, height: 512 }, epochMs, frame: frame(), state: 'idle' });
    const file = pathname.startsWith('/hls/')
      ? join(hlsDir, normalize(pathname).split('/').at(-1) ?? '')
      : join(pageDir, pathname === '/' ? 'index.html' : normalize(pathname));
    const content = await readFile(file).catch(() => undefined);
    if (!content) return void json(404, { error: { code: 'not_found', message: `There is no ${pathname}.` } });
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': POLICY,
      'cache-control': 'no-cache',
    });
    response.end(content);
  }

  const frame = () => Math.floor(((Date.now() - epochMs) * FPS) / 1_000);
  while (!existsSync(join(hlsDir, 'index.m3u8'))) await setTimeout(50);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    link: `http://127.0.0.1:${address.port}/?session=${SESSION}&token=host-token`,
    io,
    /** What was asked by socket so far. */
    heard: (name: RequestName) => heard.filter((one) => one.name === name).map(({ body }) => body),
    /** What its transcript says. */
    turns,
    /** The bodies of `POST /v1/sessions`. */
    created,
    /** The number of the frame that is released now. */
    frame,
    /** Unix ms of a frame's release. */
    releasedAt: (number: number) => epochMs + (number * 1_000) / FPS,
    say: <Name extends EventName>(name: Name, value: EventOf<Name>) => void io.emit(name, value),
    async close() {
      const ended = once(ffmpeg, 'exit');
      if (ffmpeg.kill('SIGKILL')) await ended;
      await io.close();
      await rm(hlsDir, { recursive: true, force: true });
    },
  };
}

function testPicture(playlist: string): string[] {
  const input = [
    '-re',
    '-f',
    'lavfi',
    '-i',
    'testsrc=size=512x512:rate=25',
    '-re',
    '-f',
    'lavfi',
    '-i',
    'sine=frequency=440:sample_rate=48000',
  ];
  const video = [
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-tune',
    'zerolatency',
    '-profile:v',
    'baseline',
    '-pix_fmt',
    'yuv420p',
    '-g',
    '25',
  ];
  const hls = [
    '-f',
    'hls',
    '-hls_time',
    '1',
    '-hls_list_size',
    '7',
    '-hls_segment_type',
    'fmp4',
    '-hls_flags',
    'delete_segments+program_date_time',
  ];
  return ['-loglevel', 'error', ...input, ...video, '-c:a', 'aac', ...hls, playlist];
}
