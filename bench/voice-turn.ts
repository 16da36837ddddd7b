import { setTimeout as sleep } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';
import { TurnEvent } from '#protocol/signalling.ts';
import { launchBrowser } from '#test/support/browser.ts';
import { giveVoice, MICROPHONE_FLAGS, spoken, turnOn, utter } from '#test/support/host-voice.ts';
import { startServer } from '#test/support/server.ts';
import { percentile, round, type BenchOptions, type BenchResult } from './bench.ts';

/** What the stubs take, ms, and how long each answer is, s. */
const STUBS = { llm: 150, tts: 100, renderer: 60, stt: 100 } as const;
const ANSWER = 1.2;
/** Silence that ends a phrase, and one that ends a turn which sounds finished; ms after the last voiced frame. */
const PAUSE = 200;
const PATIENCE = 250;
const GOAL = 170;
/** A turn that isn't over by then was never heard, ms. */
const LOST = 15_000;

interface Met {
  readonly stages: TurnEvent['stages'];
  /** What it can't be faster than: the silence and the recogniser, the model, the voice, the renderer; ms. */
  readonly theirs: number;
}

/** The host's last voiced frame → first spoken picture at a Chromium viewer, without the silence that ends a turn and what the stubs took. */
export async function run({ turns = '25' }: BenchOptions = {}): Promise<BenchResult> {
  const { llm, tts, renderer, stt } = STUBS;
  const args = [llm, tts, renderer, ANSWER, 0, stt].map(String);
  const server = await startServer({ RENDERER: 'pattern', FILLERS: 'off' }, ['bench/stub-server.ts', ...args]);
  const browser = await launchBrowser({ flags: MICROPHONE_FLAGS });
  await giveVoice(browser);
  const session = await server.createSession({});
  const socket = io(server.url, { auth: { token: session.token }, transports: ['websocket'], forceNew: true });
  try {
    const page = await browser.open(session.urls.page);
    await turnOn(page);
    const question = await spoken('what is the time');
    const met: (Met | undefined)[] = [];
    for (let i = 0; i < Number(turns) + 2; i += 1) {
      const before = server.log.length;
      const [turn] = await Promise.all([nextTurn(socket), utter(page, question)]);
      const took = (stub: string): number => Number(server.log.slice(before).findLast((line) => line['stub'] === stub)?.['ms']);
      const theirs = Math.max(PATIENCE, PAUSE + took('stt')) + took('llm') + took('tts') + took('renderer');
      // The first ones also warm the code up.
      if (i >= 2) met.push(turn?.stages['painted'] === undefined ? undefined : { stages: turn.stages, theirs });
      // Not in step with the stage's pictures.
      await sleep(300 + ((i * 13) % 40));
    }
    const seen = met.filter((one) => one !== undefined);
    const ours = seen.map(({ stages, theirs }) => (stages['painted'] ?? 0) - theirs);
    const row = (step: string, ms: readonly number[]): Record<string, string | number> => {
      return { step, turns: ms.length, p50: round(percentile(ms, 0.5)), p95: round(percentile(ms, 0.95)) };
    };
    const stage = (name: string): Record<string, string | number> =>
      row(
        `last voice → ${name}`,
        seen.map(({ stages }) => stages[name] ?? Number.NaN),
      );
    return {
      what: `A host's last voiced frame → first spoken picture on a Chromium viewer's screen, ms, as \`turn\` events tell. Ours is what is left without the recogniser's answer (${String(stt)} ms after the ${String(PAUSE)} ms of silence that end a phrase; the ${String(PATIENCE)} ms that end a turn pass meanwhile), the model (${String(llm)}), the voice (${String(tts)}) and the renderer (${String(renderer)} ms), by their own clock.`,
      goal: `each turn answered; ours p95 ≤ ${String(GOAL)} ms`,
      met: seen.length === met.length && percentile(ours, 0.95) <= GOAL,
      rows: [
        row('ours, altogether', ours),
        ...['stt', 'endOfTurn', 'prompt', 'firstToken', 'firstAudio', 'firstFrame', 'playout', 'painted'].map(stage),
        { step: 'not answered', turns: met.length - seen.length },
      ],
    };
  } finally {
    socket.disconnect();
    await browser.close().catch(() => undefined);
    await server.stop();
  }
}

/** The next turn that ends; undefined where none does in time. */
async function nextTurn(socket: Socket): Promise<TurnEvent | undefined> {
  const signal = AbortSignal.timeout(LOST);
  return new Promise((resolve) => {
    const take = (turn: unknown): void => resolve(TurnEvent.parse(turn));
    socket.once('turn', take);
    signal.addEventListener('abort', () => {
      socket.off('turn', take);
      resolve(undefined);
    });
  });
}
