import { setTimeout as sleep } from 'node:timers/promises';
import type { CreatedSession } from '#protocol/http.ts';
import { launchBrowser } from '#test/support/browser.ts';
import { giveVoice, MICROPHONE_FLAGS, silencedAfter, spoken, turnOn } from '#test/support/host-voice.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { percentile, round, type BenchOptions, type BenchResult } from './bench.ts';

/** How long an answer hums if nobody stops it, s, and what the recogniser takes, ms. */
const ANSWER = 20;
const STT = 100;
const GOALS = { server: 150, ear: 250 } as const;

/** A host talks over an avatar that hums, and again over its answer to that: voice onset → last full-level sound, at the server and at the viewer's ear. */
export async function run({ times = '25' }: BenchOptions = {}): Promise<BenchResult> {
  const args = ['0', '0', '0', String(ANSWER), '300', String(STT)];
  const server = await startServer({ RENDERER: 'pattern', FILLERS: 'off', PROMPT_RATE_LIMIT: '1000' }, [
    'bench/stub-server.ts',
    ...args,
  ]);
  const browser = await launchBrowser({ flags: MICROPHONE_FLAGS });
  await giveVoice(browser);
  try {
    const session = await server.createSession({});
    const page = await browser.open(session.urls.page);
    await turnOn(page);
    const words = await spoken('could you tell me the time');
    const ear: number[] = [];
    for (let i = 0; i < Number(times); i += 1) {
      await untilItHums(server, session);
      // By then the echo guard knows that nothing comes back; not in step with the stage's packets.
      await sleep(1_500 + ((i * 137) % 400));
      ear.push(await silencedAfter(page, words));
    }
    const heard = ear.filter((ms) => Number.isFinite(ms));
    const atServer = await bargeIn(server.url);
    return {
      what: "A host talks over the avatar, which hums: ms from the onset of the host's voice until the avatar's voice fades out. At the server: as `barge_in_ms` counts, from the first voiced frame of the microphone to the packet that fades out (the upper ends of its buckets). At the ear: from the sample that goes into the page's microphone to the one at half the loudness that comes out of its jitter buffer.",
      goal: `server p95 ≤ ${String(GOALS.server)} ms, ear p95 ≤ ${String(GOALS.ear)} ms, each one heard`,
      met: heard.length === ear.length && percentile(heard, 0.95) <= GOALS.ear && atServer.p95 <= GOALS.server,
      rows: [
        { at: 'server', times: atServer.count, missed: ear.length - atServer.count, p50: atServer.p50, p95: atServer.p95 },
        {
          at: 'ear',
          times: heard.length,
          missed: ear.length - heard.length,
          p50: round(percentile(heard, 0.5)),
          p95: round(percentile(heard, 0.95)),
        },
      ],
    };
  } finally {
    await browser.close().catch(() => undefined);
    await server.stop();
  }
}

/** Until it answers what was said; where it doesn't it is told to hum. */
async function untilItHums(server: RunningServer, session: CreatedSession): Promise<void> {
  for (let tries = 0; (await server.stage(session)).state !== 'speaking'; tries += 1) {
    if (tries % 80 === 40)
      await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Hum.', mode: 'say' }, session.token);
    await sleep(50);
  }
}

/** The upper ends of the histogram's buckets that hold the middle and the 95th. */
async function bargeIn(url: string): Promise<{ count: number; p50: number; p95: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const buckets = [...text.matchAll(/^barge_in_ms_bucket\{[^}]*le="([^"]+)"[^}]*\} (\d+)/gm)].map(
    ([, le = '', count = '']) => [le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), Number(count)] as const,
  );
  const count = buckets.at(-1)?.[1] ?? 0;
  const at = (share: number): number => buckets.find(([, below]) => below >= share * count)?.[0] ?? Number.NaN;
  return { count, p50: at(0.5), p95: at(0.95) };
}
