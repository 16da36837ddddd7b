import { setTimeout as sleep } from 'node:timers/promises';
import { SessionInfo, type CreatedSession } from '#protocol/http.ts';
import { TurnEvent } from '#protocol/signalling.ts';
import { launchBrowser } from '#test/support/browser.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { io } from 'socket.io-client';
import { percentile, round, type BenchOptions, type BenchResult } from './bench.ts';

/** What the stubs take, ms, and how long each answer is, s. */
const STUBS = { llm: 150, tts: 100, renderer: 60 } as const;
const ANSWER = 1.2;
const GOAL = 120;

/** Prompt in → first spoken picture on a Chromium viewer's screen, without what the stubbed model, voice and renderer took. */
export async function run({ turns = '45' }: BenchOptions = {}): Promise<BenchResult> {
  const took = Object.values(STUBS).map(String);
  const server = await startServer({ RENDERER: 'pattern', PROMPT_RATE_LIMIT: '1000' }, [
    'bench/stub-server.ts',
    ...took,
    String(ANSWER),
  ]);
  const browser = await launchBrowser();
  try {
    const session = await server.createSession({});
    const page = await browser.open(session.urls.page);
    await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 1, undefined, { timeout: 30_000 });
    const ended = await follow(server, session);
    // The first answers also warm the code up.
    for (let i = 0; i < 3; i += 1) await ended.ask();
    const met: { turn: TurnEvent; stubs: number }[] = [];
    for (let i = 0; i < Number(turns); i += 1) {
      const before = server.log.length;
      const turn = await ended.ask();
      const stubs = server.log.slice(before).filter((line) => line['msg'] === 'stub');
      met.push({ turn, stubs: stubs.reduce((sum, line) => sum + Number(line['ms']), 0) });
      // Not in step with the stage's pictures.
      await sleep(300 + ((i * 13) % 40));
    }
    ended.close();
    const info = await server.call('GET', `/v1/sessions/${session.id}`, undefined, session.token);
    const { leadMs } = SessionInfo.parse(info.body).sync;
    const seen = met.filter(({ turn }) => turn.stages['painted'] !== undefined);
    const ours = seen.map(({ turn, stubs }) => (turn.stages['painted'] ?? 0) - stubs);
    const p95 = percentile(ours, 0.95);
    const step = (from: string, to: string, less: (stubs: number) => number = () => 0): Record<string, string | number> => {
      const ms = seen.map(({ turn, stubs }) => (turn.stages[to] ?? 0) - (turn.stages[from] ?? 0) - less(stubs));
      return { step: `${from} → ${to}`, turns: seen.length, p50: round(percentile(ms, 0.5)), p95: round(percentile(ms, 0.95)) };
    };
    return {
      what: `Prompt in → first spoken picture on a Chromium viewer's screen, ms, without what the stubs took (model ${String(STUBS.llm)}, voice ${String(STUBS.tts)}, renderer ${String(STUBS.renderer)} ms, by their own clock); the steps of the same turns below, as \`turn\` events tell them, stubs included.`,
      goal: `p95 ≤ ${String(GOAL)} ms`,
      met: p95 <= GOAL && seen.length >= 40,
      rows: [
        { step: 'ours, altogether', turns: ours.length, p50: round(percentile(ours, 0.5)), p95: round(p95) },
        { step: 'of it the lead, as it was at the end', p50: leadMs },
        step('prompt', 'firstToken'),
        step('firstToken', 'firstClause'),
        step('firstClause', 'firstAudio'),
        step('firstAudio', 'firstWindow'),
        step('firstWindow', 'firstFrame'),
        step('firstFrame', 'playout'),
        step('playout', 'firstPacket'),
        step('firstPacket', 'painted'),
      ],
    };
  } finally {
    await browser.close().catch(() => undefined);
    await server.stop();
  }
}

/** Asks, and gives each turn once it is over. */
async function follow(
  server: RunningServer,
  { id, token }: CreatedSession,
): Promise<{ ask: () => Promise<TurnEvent>; close: () => void }> {
  const socket = io(server.url, { auth: { token }, transports: ['websocket'], forceNew: true });
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return {
    async ask() {
      const over = new Promise<TurnEvent>((resolve) => socket.once('turn', (turn: unknown) => resolve(TurnEvent.parse(turn))));
      await server.call('POST', `/v1/sessions/${id}/prompts`, { text: 'Hello there.' }, token);
      return over;
    },
    close: () => socket.disconnect(),
  };
}
