import { io, type Socket } from 'socket.io-client';
import { SessionInfo, type CreatedSession } from '#protocol/http.ts';
import { launchBrowser } from '#test/support/browser.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { meetings, openWatched, type Meeting } from '#test/support/sync-truth.ts';
import { virtualHours } from '#test/support/virtual-day.ts';
import { percentile, round, type BenchOptions, type BenchResult } from './bench.ts';

/** One utterance of the test card, s; the lead may move in the silence after it. */
const SPEECH = 3;
/** What real voices take to begin, ms: one that takes nothing begins in the middle of the work that a prompt is. */
const VOICE_MS = 300;
/** At least; a little more each time, so that utterances begin at all distances from the screen's refreshes. */
const PAUSE_MS = 1_000;
/** How far from right the lead is put before the viewer comes, ms. */
const WRONG_BY = -40;
/** Until the loop has closed: two reports, and the time a jitter buffer takes to follow. */
const CLOSES_IN_MS = 40_000;
const DAY = 24;

/** Flash against beep at a Chromium viewer while the loop closes and after; `--minutes 20` watches for so long. */
export async function run({ minutes = '1' }: BenchOptions = {}): Promise<BenchResult> {
  const day = await virtualHours(DAY);
  const server = await startServer({ RENDERER: 'pattern' }, ['bench/stub-server.ts', '0', String(VOICE_MS), '0', String(SPEECH)]);
  const browser = await launchBrowser();
  try {
    const session = await server.createSession({});
    await mislead(server, session);
    const startLead = (await info(server, session)).sync.leadMs;
    const page = await openWatched(browser, session.urls.page);
    const openedAt = Date.now();
    await meetings(page);
    const met: (Meeting & { reported: number | undefined })[] = [];
    const speak = async (untilMs: number): Promise<void> => {
      while (Date.now() - openedAt < untilMs) {
        await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Beep.', mode: 'say' }, session.token);
        await page.waitForTimeout(SPEECH * 1_000 + PAUSE_MS + ((met.length * 77) % 400));
        const { offsetMs: reported } = (await info(server, session)).sync;
        met.push(...(await meetings(page)).map((one) => ({ ...one, reported })));
      }
    };
    await speak(CLOSES_IN_MS);
    const before = met.filter(({ at }) => at - openedAt < 10_000);
    const closing = met.length;
    await speak(CLOSES_IN_MS + Number(minutes) * 60_000);
    const closed = met.slice(closing);
    const endLead = (await info(server, session)).sync.leadMs;
    const offsets = closed.map(({ offsetMs }) => offsetMs);
    const p95 = percentile(offsets.map(Math.abs), 0.95);
    const drift = driftOf(closed);
    const errors = closed.flatMap(({ offsetMs, reported }) => (reported === undefined ? [] : [reported - offsetMs]));
    const dayIsExact = day.worstPicture < 1e-6 && day.worstSound < 1e-6 && day.gaps === 0;
    return {
      what: `The test card's beep against its flash at a Chromium viewer, output latency included (sound minus picture, ms), in a session whose lead was put ${String(-WRONG_BY)} ms wrong beforehand and whose voice takes ${String(VOICE_MS)} ms to begin; and ${String(DAY)} h of the same clock and loop in virtual time.`,
      goal: '|offset| p95 ≤ 10 ms once the loop has closed; flat over the minutes watched; drift over 24 h 0',
      met: p95 <= 10 && Math.abs(drift) * Number(minutes) <= 5 && dayIsExact,
      rows: [
        { span: 'first 10 s', ...spread(before.map(({ offsetMs }) => offsetMs)), 'lead ms': startLead },
        { span: `${minutes} min, loop closed`, ...spread(offsets), 'lead ms': endLead, 'drift ms/min': round(drift, 2) },
        { span: 'reported minus true', ...spread(errors) },
        {
          span: `${String(DAY)} h, virtual`,
          met: day.pictures + day.sounds,
          most: round(Math.max(day.worstPicture, day.worstSound), 6),
          'lead ms': `${String(day.leads.least)}–${String(day.leads.most)}`,
          gaps: day.gaps,
        },
      ],
    };
  } finally {
    await browser.close().catch(() => undefined);
    await server.stop();
  }
}

/** A viewer that reports what isn't so, alone in the session: the loop believes it, within its bounds. */
async function mislead(server: RunningServer, session: CreatedSession): Promise<void> {
  const socket: Socket = io(server.url, { auth: { token: session.token }, transports: ['websocket'], forceNew: true });
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  await socket.emitWithAck('join', {});
  await socket.emitWithAck('client_stats', { stats: {}, sync: { offsetMs: WRONG_BY, samples: 100 } });
  const wanted = (await info(server, session)).sync.leadMs + WRONG_BY;
  const deadline = Date.now() + 10_000;
  while ((await info(server, session)).sync.leadMs > wanted && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 100));
  socket.disconnect();
}

const info = async (server: RunningServer, { id, token }: CreatedSession): Promise<SessionInfo> =>
  SessionInfo.parse((await server.call('GET', `/v1/sessions/${id}`, undefined, token)).body);

function spread(offsets: readonly number[]): Record<string, number> {
  return {
    met: offsets.length,
    p50: round(percentile(offsets, 0.5)),
    '|p95|': round(percentile(offsets.map(Math.abs), 0.95)),
    least: round(Math.min(...offsets)),
    most: round(Math.max(...offsets)),
  };
}

/** How much the offset grows per minute: the middle of the last quarter against that of the first. */
function driftOf(met: readonly Meeting[]): number {
  const quarter = Math.max(1, met.length >> 2);
  const middle = (part: readonly Meeting[]): number =>
    percentile(
      part.map(({ offsetMs }) => offsetMs),
      0.5,
    );
  const minutes = ((met.at(-1)?.at ?? 0) - (met[0]?.at ?? 0)) / 60_000;
  return (middle(met.slice(-quarter)) - middle(met.slice(0, quarter))) / Math.max(1, minutes * 0.75);
}
