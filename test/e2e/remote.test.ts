import { execa } from 'execa';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { CreatedSession } from '#protocol/http.ts';
import type { Caption, StateEvent, TurnEvent } from '#protocol/signalling.ts';
import { keepNewest } from '#test/support/captions.ts';
import { recordHls } from '#test/support/hls-recording.ts';
import { RedisServer } from '#test/support/redis.ts';
import { startRenderWorker, type RenderWorker } from '#test/support/render-worker.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

const TEXT = 'The quick brown fox jumps over the lazy dog. The weather in Paris is nice today. We will see what comes of it.';
const SENTENCE = 'The quick brown fox jumps over the lazy dog.';
/** Short clips of a small size, so that a test sees many of them. */
const ENGINE = { STANDIN_CLIP: '24+3+2', STANDIN_SIZES: '256x256', STANDIN_RTF: '0.4', STANDIN_NUMBERS: 'faint' };
/** No picture of a face is so dark, on average. */
const DARK = 40;

let redis: RedisServer;
let server: RunningServer;
const workers: RenderWorker[] = [];

async function work(settings: Record<string, string> = {}): Promise<RenderWorker> {
  const worker = await startRenderWorker(redis.url, { ...ENGINE, ...settings });
  workers.push(worker);
  return worker;
}

interface Heard {
  readonly said: string;
  readonly states: StateEvent[];
  readonly captions: Caption[];
  readonly turn: Promise<TurnEvent>;
  /** The mean brightness of each picture on air meanwhile. */
  pictures(): Promise<number[]>;
}

/** Says `text`, and follows what becomes of it. */
async function say(session: CreatedSession, text = TEXT): Promise<Heard> {
  const socket: Socket = io(server.url, { auth: { token: session.token }, transports: ['websocket'] });
  const states: StateEvent[] = [];
  const captions: Caption[] = [];
  socket.on('state', (state: StateEvent) => states.push(state));
  socket.on('caption', (caption: Caption) => keepNewest(captions, caption));
  const turn = new Promise<TurnEvent>((resolve) => socket.on('turn', resolve)).finally(() => socket.close());
  await new Promise<void>((resolve) => socket.on('connect', resolve));
  const stop = recordHls(session.urls.hls);
  onTestFinished(async () => {
    socket.close();
    await stop();
  });
  await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text, mode: 'say' }, session.token);
  return { said: text, states, captions, turn, pictures: async () => brightness(await stop()) };
}

async function brightness(media: Buffer): Promise<number[]> {
  const decode = ['-v', 'error', '-i', 'pipe:0', '-an', '-vf', 'scale=2:2:flags=area', '-pix_fmt', 'gray', '-f', 'rawvideo', '-'];
  const { stdout } = await execa('ffmpeg', decode, { input: media, encoding: 'buffer' });
  return Array.from({ length: Math.floor(stdout.length / 4) }, (_, at) => {
    const [a = 0, b = 0, c = 0, d = 0] = stdout.subarray(at * 4, at * 4 + 4);
    return (a + b + c + d) / 4;
  });
}

async function metric(pattern: RegExp): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(pattern.exec(text)?.[1] ?? 0);
}

const drawn = (): Promise<number> => metric(/^render_window_ms_count\{renderer="standin"\} (\d+)/m);

/** Each clause begun once, in order, all of the text, and no picture dark. */
async function expectWhole({ turn, captions, pictures, said }: Heard): Promise<void> {
  expect(await turn).toMatchObject({ outcome: 'done', spoken: said });
  const clauses = captions.map(({ clause }) => clause);
  expect(clauses).toEqual(Array.from({ length: clauses.length }, (_, at) => at));
  expect(captions.map(({ text }) => text).join(' ')).toBe(said);
  const seen = await pictures();
  expect(seen.length).toBeGreaterThan(50);
  expect(Math.min(...seen)).toBeGreaterThan(DARK);
}

describe('GPU workers, through a real server and a real Redis', () => {
  beforeAll(async () => {
    redis = await RedisServer.start();
    const settings = { RENDERER: 'remote', REDIS_URL: redis.url, RENDER_ENGINE: 'standin', RENDER_SIZE: '256x256' };
    await work();
    server = await startServer({ ...settings, LOG_LEVEL: 'debug' });
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  });
  afterAll(async () => {
    await server.stop();
    await redis.close();
  });

  it('draw what is said, once each, and their leases are done', async () => {
    const before = await drawn();
    const heard = await say(await server.createSession({ hls: 'always' }));
    await expectWhole(heard);
    expect(heard.states.map(({ state }) => state)).not.toContain('degraded');
    expect(await drawn()).toBeGreaterThan(before + 3);
    // The idle loop is drawn under a lease too.
    await expect.poll(() => redis.say('XLEN', 'infinitetalk:{standin}:work'), { timeout: 20_000 }).toBe('0');
  });

  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'may end by %s in mid-sentence: another goes on, nothing is said twice',
    async (signal) => {
      const first = await work();
      const session = await server.createSession({ hls: 'always' });
      const heard = await say(session);
      await expect.poll(() => heard.captions.length, { timeout: 20_000 }).toBeGreaterThan(0);
      await work();
      first.signal(signal);
      await expectWhole(heard);
    },
  );

  it('may be missing: the face of the processor stands in, and that is told', async () => {
    const heard = await say(await server.createSession({ hls: 'always' }));
    await expectWhole(heard);
    const told = heard.states.find(({ state }) => state === 'degraded');
    expect(told?.reason).toMatch(/^no GPU worker is there; drawn by portrait instead$/);
  });

  it('are waited for in turn, which is told', async () => {
    await work({ STANDIN_RTF: '2' });
    const sessions = await Promise.all([server.createSession({ hls: 'always' }), server.createSession({ hls: 'always' })]);
    const both = await Promise.all(sessions.map((session) => say(session, SENTENCE)));
    await Promise.all(both.map(expectWhole));
    const waits = both.flatMap(({ states }) => states.filter(({ state }) => state === 'buffering'));
    expect(waits.some(({ etaMs = 0 }) => etaMs > 1_000)).toBe(true);
    expect(waits.map(({ reason }) => reason)).toContain('the next free GPU is for this answer');
  });

  it('may die and hang at any moment, and nothing is said twice or lost', async () => {
    let going = true;
    const chaos = (async () => {
      while (going) {
        const worker = await work();
        await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 3_000));
        worker.signal(Math.random() < 0.7 ? 'SIGKILL' : 'SIGSTOP');
      }
    })();
    const session = await server.createSession({ hls: 'always' });
    for (let turn = 0; turn < 2; turn += 1) await expectWhole(await say(session));
    going = false;
    await chaos;
  });
});
