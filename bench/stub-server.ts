import { sleep, systemClock } from '#base/clock.ts';
import { createLog, type Log } from '#base/log.ts';
import type { DrawnFrame, Window } from '#base/media.ts';
import { startApp } from '#server/app.ts';
import { readConfig } from '#server/config.ts';
import type { Llm } from '#server/llm/llm.ts';
import { patternRenderer } from '#server/render/pattern.ts';
import type { Renderer } from '#server/render/renderer.ts';
import type { Stt } from '#server/stt/stt.ts';
import type { Tts } from '#server/tts/tts.ts';

/**
 * The real server with stubs for what others make, which take as long as they are told and log how long that really was:
 * `node stub-server.ts LLM_MS TTS_MS RENDER_MS SECONDS [HUM_HZ [STT_MS]]`. Each clause is so many seconds of silence, so that only the test card's beep is
 * heard, or of a hum. With STT_MS each phrase is understood as the same question so long after its end; without, the configured recogniser listens.
 */
const [llmMs = 0, ttsMs = 0, renderMs = 0, seconds = 2, hum = 0, sttMs] = process.argv.slice(2).map(Number);
const clock = systemClock;
const RATE = 48_000;

const config = readConfig(process.env);
const log = createLog('info');
const app = await startApp(config, log, {
  llm: llm(log),
  tts: tts(log),
  renderer: renderer(log),
  ...(sttMs === undefined ? {} : { stt: stt(sttMs, log) }),
});
log.info({ url: app.url, pid: process.pid }, 'ready');
process.on('SIGTERM', () => void app.close('SIGTERM'));

/** Says that a stub was waited for, and how long. */
async function take(what: string, ms: number, log: Log, signal: AbortSignal): Promise<void> {
  const startedAt = clock.now();
  if (ms > 0) await sleep(clock, ms, signal);
  log.info({ stub: what, ms: clock.now() - startedAt }, 'stub');
}

function llm(log: Log): Llm {
  return {
    name: 'stub',
    async *complete({ messages }, signal) {
      await take('llm', llmMs, log, signal);
      yield messages.at(-1)?.content ?? '';
    },
  };
}

function tts(log: Log): Tts {
  return {
    name: 'stub',
    rate: RATE,
    async *synthesize(clauses, _voice, signal) {
      for await (const clause of clauses) {
        await take('tts', ttsMs, log, signal);
        if (signal.aborted) return;
        yield { samples: sound(), rate: RATE, start: 0, clause, endOfClause: true };
      }
    },
  };
}

const sound = (): Int16Array =>
  Int16Array.from({ length: seconds * RATE }, (_, i) => (hum > 0 ? 8_000 * Math.sin((2 * Math.PI * hum * i) / RATE) : 0));

function stt(ms: number, log: Log): Stt {
  return {
    name: 'stub',
    async *transcribe(pcm, _language, signal) {
      for await (const _piece of pcm) if (signal.aborted) return;
      await take('stt', ms, log, signal);
      yield { text: 'What is the time?', final: true };
    },
    prepare: () => undefined,
    close: () => Promise.resolve(),
  };
}

/** The test card, whose first window of each utterance is held back. */
function renderer(log: Log): Renderer {
  const card = patternRenderer({ clock });
  async function* held(windows: AsyncIterable<Window>, signal: AbortSignal): AsyncGenerator<Window> {
    for await (const window of windows) {
      if (window.index === 0) await take('renderer', renderMs, log, signal);
      yield window;
    }
  }
  return {
    name: card.name,
    geometry: card.geometry,
    expectedRtf: card.expectedRtf,
    stamped: card.stamped,
    render: (windows, request, signal): AsyncIterable<DrawnFrame> => card.render(held(windows, signal), request, signal),
    idle: (avatar, signal) => card.idle(avatar, signal),
    close: (reason) => card.close(reason),
  };
}
