import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { TurnEvent } from '#protocol/signalling.ts';
import { launchBrowser } from '#test/support/browser.ts';
import { giveVoice, MICROPHONE_FLAGS, spoken, turnOn, utter } from '#test/support/host-voice.ts';
import { startServer } from '#test/support/server.ts';
import { percentile, round, type BenchOptions, type BenchResult } from './bench.ts';

/** What the stubs take, ms, and how long each answer is, s. */
const STUBS = { llm: 150, tts: 100, renderer: 60, stt: 100 } as const;
const ANSWER = 1.2;
/** Silence that ends a turn which sounds finished, and the frame of 32 ms in which it is noticed. */
const PATIENCE = 250;

/** The host's last voiced frame → first spoken picture at a Chromium viewer, without the silence that ends a turn and what the stubs took. */
export async function run({ turns = '20' }: BenchOptions = {}): Promise<BenchResult> {
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
    const met: TurnEvent['stages'][] = [];
    for (let i = 0; i < Number(turns) + 2; i += 1) {
      const over = new Promise<TurnEvent>((resolve) => socket.once('turn', (turn: unknown) => resolve(TurnEvent.parse(turn))));
      await utter(page, question);
      const { stages } = await Promise.race([over, sleep(20_000).then(() => ({ stages: {} }))]);
      // The first ones also warm the code up.
      if (i >= 2) met.push(stages);
      await sleep(300 + ((i * 13) % 40));
    }
    const seen = met.filter(({ painted }) => painted !== undefined);
    const first = seen.map((stages) => stages['painted'] ?? 0);
    // The model is begun while it is waited whether the turn is over, so it isn't taken off twice.
    const ours = first.map((ms) => ms - PATIENCE - tts - renderer);
    const stage = (name: string): Record<string, string | number> => {
      const ms = seen.map((stages) => stages[name] ?? Number.NaN);
      return {
        step: `last voice → ${name}`,
        turns: ms.length,
        p50: round(percentile(ms, 0.5)),
        p95: round(percentile(ms, 0.95)),
      };
    };
    const row = (step: string, ms: readonly number[]): Record<string, string | number> => {
      return { step, turns: ms.length, p50: round(percentile(ms, 0.5)), p95: round(percentile(ms, 0.95)) };
    };
    return {
      what: `A host's last voiced frame → first spoken picture on a Chromium viewer's screen, ms, as \`turn\` events tell; stubs: recogniser ${String(stt)} ms after a phrase's end, model ${String(llm)}, voice ${String(tts)}, renderer ${String(renderer)}. A turn that sounds finished is over ${String(PATIENCE)} ms after the last voiced frame; the model is begun before that.`,
      goal: 'each turn answered; our share (without the silence, the voice and the renderer) p95 ≤ 250 ms',
      met: seen.length === met.length && percentile(ours, 0.95) <= 250,
      rows: [
        row('ours, altogether', ours),
        ...['stt', 'endOfTurn', 'prompt', 'firstToken', 'firstAudio', 'firstFrame', 'playout', 'painted'].map(stage),
      ],
    };
  } finally {
    socket.disconnect();
    await browser.close().catch(() => undefined);
    await server.stop();
  }
}
